"""Hooks that know what a CLIP-VIS model needs of the runner."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from clipvis_core import Vocabulary
from clipvis_core.checkpoints import load_checkpoint


def inner_model(runner: Runner) -> nn.Module:
    """The runner's model without a distributed wrapper."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


@HOOKS.register_module()
class VocabularyHook(Hook):
    """Gives the model the words of the dataset it is evaluated on.

    The dataset's `metainfo["prompts"]` holds the synonyms of each category in label order, so the number of
    categories is never written by hand.

    Args:
        class_agnostic: Name everything "object", for a metric with `class_agnostic=True`: otherwise a mask counts as
            often among the best predictions as it has likely names.
    """

    def __init__(self, class_agnostic: bool = False) -> None:
        self.class_agnostic = class_agnostic

    def before_val(self, runner: Runner) -> None:
        self._set(runner, runner.val_dataloader.dataset.metainfo["prompts"])

    def before_test(self, runner: Runner) -> None:
        self._set(runner, runner.test_dataloader.dataset.metainfo["prompts"])

    def _set(self, runner: Runner, prompts: tuple[tuple[str, ...], ...]) -> None:
        words = [("object",)] if self.class_agnostic else prompts
        inner_model(runner).set_vocabulary(Vocabulary.from_categories(words))


@HOOKS.register_module()
class InitialWeightsHook(Hook):
    """Loads `load_from` strictly, official files too, in place of fetching the encoder's weights first.

    mmengine would initialise the model (and so download a CLIP), then load what happens to fit of the file. Here a
    file of another encoder or depth stops the run with one line, and nothing is downloaded that is overwritten.
    """

    priority = "VERY_HIGH"

    def before_run(self, runner: Runner) -> None:
        model = inner_model(runner)
        if runner._resume:
            model.backbone.is_init = True  # mmengine's mark that `init_weights` has nothing to do
        elif runner._load_from is not None:
            layout = load_checkpoint(model, runner._load_from)
            runner.logger.info(f"loaded {runner._load_from}: {layout}")
            runner._load_from = None
            model.is_init = True
