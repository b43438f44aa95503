"""Ends a run whose loss is not finite before the weights are changed."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from clipvis_core.foundation.errors import InputError
from clipvis_core.models.vocabulary_hook import inner_model


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Checks the losses of each iteration between the forward and the backward pass.

    All losses are checked with one copy from the device. Gradients are not: in mixed precision they overflow now and
    then, and the scaler deals with that.

    Raises:
        InputError: A loss is NaN or infinite; the message has the iteration, the images and these losses.
    """

    def __init__(self) -> None:
        self._iteration = 0
        self._batch: object = None

    def before_train(self, runner: Runner) -> None:
        """Begins to watch the losses."""
        self._watch = inner_model(runner).register_forward_hook(self._check, with_kwargs=True)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Remembers iteration and batch, for the message."""
        self._iteration = batch_idx + 1  # as the log counts
        self._batch = data_batch

    def after_train(self, runner: Runner) -> None:
        """Ends the watch."""
        self._watch.remove()

    def _check(self, model: nn.Module, args: tuple, kwargs: dict, output: object) -> None:
        if kwargs.get("mode") != "loss":
            return
        losses = {name: _total(value) for name, value in output.items() if "loss" in name}
        values = torch.stack([*losses.values()])
        if torch.isfinite(values).all():
            return
        bad = [(name, value) for name, value in zip(losses, values.tolist(), strict=True) if not isfinite(value)]
        shown = ", ".join(f"{name}={value}" for name, value in bad[:3]) + (", ..." if len(bad) > 3 else "")
        images = ", ".join(image_names(self._batch)) or "unnamed images"
        raise InputError(
            f"iteration {self._iteration}: a loss is not finite ({shown}) for {images}: "
            "look at their masks, or lower the learning rate, and go on with --resume"
        )


def image_names(batch: object) -> list[str]:
    """Paths (or ids) of the images of a batch in mmdet's form, frame by frame for clips."""
    samples = batch.get("data_samples", []) if isinstance(batch, dict) else []
    frames = [frame for sample in samples for frame in getattr(sample, "video_data_samples", [sample])]
    return [str(frame.get("img_path", frame.get("img_id"))) for frame in frames]


def _total(value: Tensor | Sequence[Tensor]) -> Tensor:
    """A loss as mmengine adds it up: mean of a tensor, sum over a list."""
    parts = [value] if isinstance(value, Tensor) else value
    return sum(part.detach().float().mean() for part in parts)
