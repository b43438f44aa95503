"""Training runs that a test can afford: the real runner, hooks, pipelines and losses, with a small model."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

#: What makes `configs/quick` small: a picture of 64 pixels, few queries and points, a schedule within reach.
SMALL = {
    "model.head.query_decoder.num_queries": 8,
    "model.head.pixel_decoder.num_layers": 1,
    "model.head.query_decoder.num_layers": 2,
    "model.criterion.num_points": 64,
    "train_dataloader.batch_size": 2,
    "train_cfg.max_iters": 9,
    "param_scheduler.0.end": 4,
    "param_scheduler.1.milestones": [6, 8],
    # Not 4: two workers fetch four batches ahead, so that their state would happen to be right.
    "default_hooks.checkpoint.interval": 3,
    "default_hooks.logger.interval": 1,
    "randomness": {"seed": 11},
}
PIPELINES = {
    "photos": {
        "train_dataloader.dataset.pipeline.1.size": (64, 64),
        "train_dataloader.dataset.data_prefix.img": "images",
    },
    "clips": {
        "train_dataloader.dataset.pipeline.2.transforms.1.short_sides": [48, 64],
        "train_dataloader.dataset.data_prefix.img_path": "JPEGImages",
    },
}


def small_config(repo_root: Path, kind: str, data_root: Path, **changes: object) -> Config:
    """`configs/quick/KIND.py` on generated data, without validation.

    Args:
        repo_root: The checkout.
        kind: "photos" or "clips".
        data_root: Folder of the generated data.
        changes: More keys, with `__` for the dots.
    """
    config = Config.fromfile(repo_root / f"configs/quick/{kind}.py")
    where = {"train_dataloader.dataset.data_root": str(data_root), "train_dataloader.dataset.ann_file": f"{kind}.json"}
    more = {key.replace("__", "."): value for key, value in changes.items()}
    config.merge_from_dict(SMALL | PIPELINES[kind] | where | more)
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.test_dataloader = config.test_cfg = config.test_evaluator = None
    return config


def build_runner(config: Config, work_dir: Path, *hooks: Hook, **entries: object) -> Runner:
    """The runner of a config; `entries` replace top-level entries (`resume`, `load_from`, ...)."""
    config = config.copy()
    config.update(work_dir=str(work_dir), experiment_name=uuid.uuid4().hex, **entries)
    runner = RUNNERS.build(config)
    for hook in hooks:
        runner.register_hook(hook)
    return runner


def release(runner: Runner) -> None:
    """Ends the workers now; left to the garbage collector they are waited for."""
    iterator = runner.train_dataloader._iterator
    if iterator is not None:
        iterator._shutdown_workers()


def logged_losses(work_dir: Path) -> dict[int, dict[str, float]]:
    """Iteration -> losses, learning rate and gradient norm, over all starts of a run; the last start counts."""
    lines: dict[int, dict[str, float]] = {}
    for path in sorted(work_dir.glob("*/vis_data/scalars.json")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            timing = {"time", "data_time", "memory"}
            lines[record["step"]] = {k: v for k, v in record.items() if k not in timing}
    return lines


def assert_same_state(one: Path, other: Path) -> None:
    """Compares all a checkpoint holds but times and paths, to the last bit."""
    states = [torch.load(path, weights_only=True) for path in (one, other)]
    for entry in ("state_dict", "optimizer", "param_schedulers", "train_sampler"):
        assert_equal(*(state[entry] for state in states), where=entry)


def assert_equal(one: object, other: object, where: str) -> None:
    """Compares nested containers of tensors and numbers."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}[{index}]")
    else:
        assert one == other, where
