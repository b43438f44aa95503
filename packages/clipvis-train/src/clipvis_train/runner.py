"""The runner of training, which has its own rules of where a run starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from clipvis_core.checkpoints import check_shapes, load_checkpoint, model_state, read_checkpoint
from clipvis_core.foundation.errors import InputError
from clipvis_core.models import CLIPVISImage, CLIPVISVideo
from clipvis_core.models.vocabulary_hook import inner_model
from clipvis_train.changed_settings import describe_changes
from clipvis_train.resuming import RunCheckpoint, newest_for_all_ranks, whole_run_checkpoint


@RUNNERS.register_module()
class CLIPVISRunner(Runner):
    """mmengine's runner, which starts from files that are whole and fit the model.

    mmengine would initialise the model (and so download a CLIP), then load what happens to fit of a file. Here a file
    of another encoder or depth stops the run with one line, and nothing is downloaded that is overwritten.

    With `resume = True` and a `load_from`, a run goes on from that file. With `resume = "auto"`, or `resume = True`
    and no `load_from`, it goes on from the newest checkpoint in the work dir that loads: damaged ones are named and
    skipped. If there is none, it starts from the beginning, from `load_from` where there is one.

    Args:
        load_from: Weights to start from, official files too, or the checkpoint to resume from.
        resume: False, True or "auto".
        **kwargs: See mmengine's `Runner`.
    """

    def __init__(self, *, load_from: str | None = None, resume: bool | str = False, **kwargs: Any) -> None:
        super().__init__(load_from=load_from, resume=resume, **kwargs)
        self.load_from = load_from
        self.resumed = resume
        self.checkpoint: RunCheckpoint | None = None

    def train(self) -> nn.Module:
        """Trains from where the config says.

        Raises:
            InputError: A file is damaged, is one of another model, or is to be resumed from and of weights alone.
        """
        self.checkpoint = self.find_checkpoint()
        if self.checkpoint is not None or self.load_from is not None:
            for part in inner_model(self).children():
                part.is_init = True  # mmengine's mark that `init_weights` has nothing to do
        return super().train()

    def find_checkpoint(self) -> RunCheckpoint | None:
        """What the run goes on from, checked and logged; None if it starts from the beginning."""
        if not self.resumed:
            return None
        if self.resumed != "auto" and self.load_from is not None:
            found = whole_run_checkpoint(self.load_from)
        else:
            found = newest_for_all_ranks(self.work_dir, self.logger.warning)
        if found is None:
            self.logger.info(f"no checkpoint to resume from in {self.work_dir}: starting from the beginning")
            return None
        content = read_checkpoint(found.path)
        check_shapes(content["state_dict"], inner_model(self).state_dict(), found.path)
        self.logger.info(f"resuming from {found.path} at iteration {found.iteration}")
        for line in describe_changes(content["meta"].get("cfg"), self.cfg.pretty_text):
            self.logger.warning(line)
        return found

    def load_or_resume(self) -> None:
        """Loads what the run starts from; once, so that a test after the training has the trained weights."""
        checkpoint, weights = self.checkpoint, self.load_from
        self.checkpoint = self.load_from = None
        if checkpoint is not None:
            self.resume(str(checkpoint.path))
        elif weights is not None:
            model = inner_model(self)
            self.logger.info(f"loaded {weights}: {load_weights(model, weights)}")
            self.call_hook("after_load_checkpoint", checkpoint={"state_dict": model.state_dict()})


def load_weights(model: nn.Module, path: str | Path) -> str:
    """Loads a checkpoint, strictly; official files fit CLIP-VIS models.

    Returns:
        What the file holds, for a log.

    Raises:
        InputError: The file cannot be read, or does not fit the model.
    """
    if isinstance(model, CLIPVISImage | CLIPVISVideo):
        return str(load_checkpoint(model, path))
    state = model_state(read_checkpoint(path), path)
    check_shapes(state, model.state_dict(), path)
    model.load_state_dict(state)
    return type(model).__name__


@HOOKS.register_module(name=["InitialWeightsHook", "ResumeHook"])
class ReplacedHook(Hook):
    """What older configs name for what `CLIPVISRunner` does: nothing is left to do, but not under another runner."""

    def before_train(self, runner: Runner) -> None:
        """Refuses a run that has started by other rules.

        Raises:
            InputError: The runner is another one.
        """
        if not isinstance(runner, CLIPVISRunner):
            raise InputError(
                "InitialWeightsHook and ResumeHook have become CLIPVISRunner: put runner_type = 'CLIPVISRunner' into "
                "the config, or take the hooks out of it"
            )
