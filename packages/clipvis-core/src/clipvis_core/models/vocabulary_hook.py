"""The runner's hook that gives a model the words of the dataset it is evaluated on."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from clipvis_core.foundation.vocabulary import Vocabulary


def inner_model(runner: Runner) -> nn.Module:
    """The runner's model without a distributed wrapper."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


@HOOKS.register_module()
class VocabularyHook(Hook):
    """Gives the model the words of the dataset: `metainfo["prompts"]`, the synonyms of each category in label order.

    Args:
        class_agnostic: Name everything "object", for a metric with `class_agnostic=True`: otherwise a mask counts as
            often among the best predictions as it has likely names.
    """

    def __init__(self, class_agnostic: bool = False) -> None:
        self.class_agnostic = class_agnostic

    def before_val(self, runner: Runner) -> None:
        """Gives the model the words of the validation set."""
        self._set(runner, runner.val_dataloader.dataset.metainfo["prompts"])

    def before_test(self, runner: Runner) -> None:
        """Gives the model the words of the test set."""
        self._set(runner, runner.test_dataloader.dataset.metainfo["prompts"])

    def _set(self, runner: Runner, prompts: tuple[tuple[str, ...], ...]) -> None:
        words = [("object",)] if self.class_agnostic else prompts
        inner_model(runner).set_vocabulary(Vocabulary.from_categories(words))
