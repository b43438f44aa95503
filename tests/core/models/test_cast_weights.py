"""Matrices that are kept in a lower precision: the numbers of autocast, and never those of earlier weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clipvis_core.inference import build_model
from clipvis_core.models.arithmetic import Arithmetic
from clipvis_core.models.cast_weights import CastWeights

BFLOAT16 = Arithmetic(dtype=torch.bfloat16)


@pytest.fixture
def part() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.LayerNorm(8 * 16), nn.Linear(8 * 16, 5)).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn((2, 3, 6, 6), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_the_numbers_are_those_of_autocast(part, images):
    kept = CastWeights(part)
    assert torch.equal(kept(images), part(images))  # float32 where autocast is off
    with BFLOAT16.running("cpu"):
        expected = part(images)
        assert expected.dtype == torch.bfloat16
        assert torch.equal(kept(images), expected)
    assert {parameter.dtype for parameter in part.parameters()} == {torch.float32}


@torch.no_grad()
def test_each_matrix_is_cast_once_until_it_changes(part, images):
    kept = CastWeights(part)
    low(kept, images)
    first = kept._copy
    low(kept, images)
    assert kept._copy is first
    low_precision = {name for name, parameter in first.named_parameters() if parameter.dtype == torch.bfloat16}
    assert low_precision == {"0.weight", "0.bias", "3.weight", "3.bias"}
    assert first[2].weight is part[2].weight
    part[0].weight.mul_(2)
    assert torch.equal(low(kept, images), low(part, images))
    part.load_state_dict({name: torch.randn_like(tensor) for name, tensor in part.state_dict().items()})
    assert torch.equal(low(kept, images), low(part, images))
    part[3].weight = nn.Parameter(torch.zeros_like(part[3].weight))
    assert torch.equal(low(kept, images), low(part, images))


def low(function, images: torch.Tensor) -> torch.Tensor:
    """In a context of its own: autocast keeps what it has cast to its end, whatever changes."""
    with BFLOAT16.running("cpu"):
        return function(images)


def test_gradients_reach_the_parameters(part, images):
    with BFLOAT16.running("cpu"):
        CastWeights(part)(images).sum().backward()
    assert all(parameter.grad is not None for parameter in part.parameters())


@torch.no_grad()
def test_the_head_in_low_precision_is_the_head_under_autocast(repo_root, images):
    model = build_model(repo_root / "configs/photo_mini/photo_mini_video.py", None).eval()
    levels = model.extract_feat(torch.nn.functional.interpolate(images, (64, 96))).levels
    BFLOAT16.prepare(model)
    with BFLOAT16.running("cpu"):
        found = model.head(levels)[-1]
        expected = model.head.query_decoder(*model.head.pixel_decoder(levels))[-1]
    assert found.mask_logits.dtype == torch.bfloat16
    for name, value in vars(expected).items():
        assert torch.equal(getattr(found, name), value), name
