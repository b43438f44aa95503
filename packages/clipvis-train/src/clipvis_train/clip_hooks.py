"""The hook that loads initial weights."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from clipvis_core.checkpoints import load_checkpoint
from clipvis_core.models.vocabulary_hook import inner_model


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
