"""A small model with weights that depend on names alone."""

from __future__ import annotations

import math
import zlib

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from clipvis_core.checkpoints import keys
from clipvis_core.inference import build_model


def rename_to_earlier(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict as it was written while mmdet's decoder layers held the parameters."""
    rules = keys._rules(keys._OURS, keys._EARLIER)
    return {keys._renamed(name, rules) or name: tensor for name, tensor in state.items()}


def fill_by_name(model: nn.Module) -> None:
    """Fixed weights: normal draws seeded by the parameter's earlier name, centred and scaled so that activations
    keep their size and masks their balance."""
    with torch.no_grad():
        for name, tensor in rename_to_earlier(model.state_dict()).items():
            if not tensor.is_floating_point() or name.endswith("logit_scale"):
                continue
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            draw = torch.randn(tensor.shape, generator=generator)
            if tensor.dim() > 1:
                draw -= draw.flatten(1).mean(dim=1).view(-1, *[1] * (draw.dim() - 1))
                tensor.copy_(draw * math.sqrt(1.5 / tensor[0].numel()))
            elif name.endswith(("running_var", ".weight")):
                tensor.copy_(1 + 0.05 * draw)
            else:
                tensor.copy_(0.05 * draw)


def small_config(repo_root, mode: str) -> Config:
    """RN50 with three decoder layers, 20 queries and few points."""
    config = Config.fromfile(repo_root / f"configs/{mode}/clipvis_r50_lvis.py")
    config.model.head.query_decoder.num_layers = 3
    config.model.head.query_decoder.num_queries = 20
    config.model.criterion.num_points = 64
    config.model.text = dict(cache_dir=False)
    return config


@pytest.fixture(scope="session")
def earlier_names():
    return rename_to_earlier


@pytest.fixture(autouse=True, scope="session")
def _mmdet_scope() -> None:
    """What a config's `default_scope` does in a runner."""
    init_default_scope("mmdet")


@pytest.fixture(scope="session")
def small_models(repo_root):
    """The image and the video model with the same fixed weights, and a vocabulary of three categories."""
    models = {}
    for mode in ("image", "video"):
        models[mode] = build_model(small_config(repo_root, mode), checkpoint=None)
        fill_by_name(models[mode])
        models[mode].set_vocabulary([["dog", "puppy"], ["grass"], ["person"]])
        models[mode].window = 4
    return models


@pytest.fixture(scope="session")
def video_model(small_models):
    return small_models["video"]


@pytest.fixture(scope="session")
def image_model(small_models):
    return small_models["image"]


@pytest.fixture(scope="session")
def clip() -> torch.Tensor:
    """Five smooth frames, normalised, `(5, 3, 64, 96)`."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn((5, 3, 8, 12), generator=generator)
    return nn.functional.interpolate(coarse, size=(64, 96), mode="bilinear", align_corners=False)
