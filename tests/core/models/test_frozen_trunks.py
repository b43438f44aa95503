"""Runnable copies of the frozen encoders against the encoders themselves."""

from __future__ import annotations

import pytest
import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from torch import nn

from clipvis_core.models.frozen_trunks import TrunkCopy, folded_resnet, run_stages
from clipvis_core.models.visual_towers import ConvNeXtTower, ResNetTower


@pytest.fixture
def visual() -> ModifiedResNet:
    torch.manual_seed(0)
    visual = ModifiedResNet([1, 2, 1, 1], output_dim=16, heads=2, image_size=64, width=8).eval()
    for module in visual.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return visual.requires_grad_(False)


def plain(visual: ModifiedResNet, images: torch.Tensor) -> list[torch.Tensor]:
    stages = (visual.stem, visual.layer1, visual.layer2, visual.layer3, visual.layer4)
    return run_stages(stages, images)


@torch.no_grad()
def test_folding_keeps_the_numbers_and_the_source(visual):
    images = torch.randn(2, 3, 64, 96)
    before = {name: tensor.clone() for name, tensor in visual.state_dict().items()}
    features = ResNetTower(visual).features(images)
    for level, expected in zip(features.levels, plain(visual, images)[1:], strict=True):
        torch.testing.assert_close(level, expected, atol=1e-4, rtol=1e-4)
    for name, tensor in visual.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@torch.no_grad()
def test_copy_follows_new_weights_and_precision(visual):
    images = torch.randn(1, 3, 64, 64)
    made = []

    def make(source: nn.Module) -> nn.Sequential:
        made.append(source)
        return folded_resnet(source)

    trunk = TrunkCopy(visual, make)
    first, again = trunk(images)[-1], trunk(images)[-1]
    assert torch.equal(first, again)
    assert len(made) == 1
    visual.load_state_dict({name: tensor * 0.9 for name, tensor in visual.state_dict().items()})
    torch.testing.assert_close(trunk(images)[-1], plain(visual, images)[-1], atol=1e-4, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        low = trunk(images)[-1]
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), plain(visual, images)[-1], atol=0.3, rtol=0.1)
    assert len(made) == 3


@torch.no_grad()
def test_convnext_in_lower_precision_is_a_copy():
    torch.manual_seed(0)
    visual = TimmModel("convnext_atto", embed_dim=16, image_size=64, pool="", proj="linear").eval()
    tower = ConvNeXtTower(visual.requires_grad_(False))
    images = torch.randn(1, 3, 64, 64)
    exact = tower.features(images)
    with torch.autocast("cpu", torch.bfloat16):
        low = tower.features(images)
    for level, expected in zip((*low.levels, low.dense), (*exact.levels, exact.dense), strict=True):
        assert level.dtype == torch.bfloat16
        difference = (level.float() - expected).abs().mean()
        assert 0 < difference < 0.05 * expected.abs().mean()
    assert all(weight.dtype == torch.float32 for weight in visual.parameters())
    assert torch.equal(tower.features(images).dense, exact.dense)
