"""The trained CLIP as a file that `FrozenCLIP` and open_clip read."""

from __future__ import annotations

from pathlib import Path

import torch
from mmdet.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from clipvis_core.checkpoints import write_weights
from clipvis_core.models.vocabulary_hook import inner_model


@HOOKS.register_module()
class ExportCLIPHook(Hook):
    """Writes the weights of a `ContrastiveCLIP` under open_clip's names when training ends.

    Args:
        filename: File in the work folder, `.safetensors`; it is the `pretrained` of a `FrozenCLIP`.
        half: Whether to store float16, half as large.
    """

    def __init__(self, filename: str, half: bool = True) -> None:
        self.filename = filename
        self.half = half

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Writes the file; one of that name is replaced whole."""
        path = Path(runner.work_dir) / self.filename
        write_weights(inner_model(runner).clip.state_dict(), path, dtype=torch.float16 if self.half else torch.float32)
        runner.logger.info(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB")
