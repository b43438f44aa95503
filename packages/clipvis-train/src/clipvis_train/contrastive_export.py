"""The trained CLIP as a file that `FrozenCLIP` and open_clip read."""

from __future__ import annotations

from pathlib import Path

import torch
from mmdet.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from safetensors.torch import save

from clipvis_core.whole_file import whole_file
from clipvis_train.clip_hooks import inner_model


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
        dtype = torch.float16 if self.half else torch.float32
        state = {
            name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).cpu().contiguous()
            for name, tensor in inner_model(runner).clip.state_dict().items()
        }
        path = Path(runner.work_dir) / self.filename
        with whole_file(path) as file:
            file.write(save(state, metadata={"format": "pt"}))
        runner.logger.info(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB")
