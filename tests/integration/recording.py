"""Hooks that note what happens in a training run; loaded by `custom_imports` where `tools/train.py` runs."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from clipvis_core.models.vocabulary_hook import inner_model


class FixedPoints:
    """The same points for every mask, in every process, in place of random ones."""

    def __init__(self, num_points: int) -> None:
        self.points = torch.rand(1, num_points, 2, generator=torch.Generator().manual_seed(0))

    def uniform(self, device):
        return self.points.to(device)

    def uncertain(self, mask_logits):
        return self.points.to(mask_logits.device).expand(len(mask_logits), -1, -1)


@HOOKS.register_module(force=True)
class RecordHook(Hook):
    """Fixes the points, and writes what each iteration saw, lost and learnt to `rank{R}_from{iteration}.pt`."""

    def __init__(self) -> None:
        self.frames: list[list[str]] = []
        self.losses: list[dict[str, float]] = []
        self.gradients: list[dict[str, torch.Tensor]] = []

    def before_train(self, runner):
        self.start = runner.iter
        model = inner_model(runner)
        model.criterion.points = FixedPoints(model.criterion.points.num_points)
        trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        runner.optim_wrapper.optimizer.register_step_pre_hook(
            lambda *_: self.gradients.append({n: p.grad.clone() for n, p in trained.items()})
        )

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.frames.append([clip[0].img_path for clip in data_batch["data_samples"]])
        self.losses.append({name: float(value.detach()) for name, value in outputs.items()})

    def after_train(self, runner):
        record = {"frames": self.frames, "losses": self.losses, "gradients": self.gradients}
        torch.save(record, Path(runner.work_dir, f"rank{get_rank()}_from{self.start}.pt"))
