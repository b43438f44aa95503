"""The frozen CLIP: architectures by name, initial weights, always in eval mode."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from clipvis_core import InputError
from clipvis_core.models import FrozenCLIP


@pytest.fixture
def tiny(repo_root):
    config = Config.fromfile(repo_root / "configs/_base_/backbones/clip_tiny_random.py")
    config.clip_backbone.pop("type")
    torch.manual_seed(0)
    return FrozenCLIP(**config.clip_backbone), [64, 128, 256, 512]


def test_own_architectures_are_known_by_name(tiny):
    backbone, channels = tiny
    features = backbone(torch.zeros(1, 3, 64, 96))
    assert [level.shape[1] for level in features.levels] == channels
    assert features.dense.shape == (1, channels[-1], 2, 3)
    assert backbone.channels == tuple(channels)
    assert backbone.words.tokens("dog").shape == (14, 77)


def test_random_weights_keep_the_size_of_features(tiny):
    backbone, _ = tiny
    images = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    before = backbone(images).dense.std()
    backbone.init_weights()
    levels = backbone(images).levels
    assert before < 1e-2  # as open_clip draws them, features all but vanish
    assert all(0.3 < level.std() < 10 for level in levels)


def test_stays_frozen_and_in_eval_mode(tiny):
    backbone, _ = tiny
    backbone.train()
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_a_missing_weights_file_is_named():
    backbone = FrozenCLIP("clip-tiny", pretrained="/nowhere/clip.pt")
    with pytest.raises(InputError, match=r"/nowhere/clip\.pt not found"):
        backbone.init_weights()
