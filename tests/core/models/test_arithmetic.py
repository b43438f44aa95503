"""Lower precision and compilation: near the exact numbers, and nothing of the model is changed by them."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from clipvis_core.inference import build_model
from clipvis_core.models.arithmetic import Arithmetic


@pytest.fixture
def model(repo_root):
    """The quick model: a small ResNet, a narrow head."""
    config = Config.fromfile(repo_root / "configs/quick/clips.py")
    return build_model(config, checkpoint=None)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn((2, 3, 64, 96), generator=torch.Generator().manual_seed(0))


def test_the_default_changes_nothing(model, images):
    with torch.no_grad():
        before = model.segment(images)[0]
        Arithmetic().prepare(model)
        with Arithmetic().running("cpu"):
            after = model.segment(images)[0]
    assert torch.equal(before.mask_logits, after.mask_logits)


def test_bfloat16_is_near_and_goes_back(model, images):
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    low = Arithmetic(dtype=torch.bfloat16)
    with torch.no_grad():
        exact = model.segment(images)[0]
        low.prepare(model)
        with low.running(images.device):
            mask_features, _ = model.head.decode_pixels(model.extract_feat(images).levels)
            near = model.segment(images)[0]
        Arithmetic().prepare(model)
        again = model.segment(images)[0]
    assert mask_features.dtype == torch.bfloat16
    assert (near.ious.float() - exact.ious).abs().max() < 0.05
    difference = (near.mask_logits.float() - exact.mask_logits).std()
    assert 0 < difference < 0.2 * exact.mask_logits.std()
    assert torch.equal(again.mask_logits, exact.mask_logits)
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == weights[name].dtype
        assert torch.equal(tensor, weights[name]), name


def test_compiled_parts_give_the_same_numbers(model, images, monkeypatch):
    """By TorchDynamo's eager backend: what is traced is tested, the C++ compiler is not."""
    compiled = []

    def compile_eagerly(function: object, **_: object) -> object:
        compiled.append(function)
        return eager(function, backend="eager")

    eager = torch.compile
    monkeypatch.setattr(torch, "compile", compile_eagerly)
    keys = list(model.state_dict())
    with torch.no_grad():
        exact = model.segment(images)[0]
        Arithmetic(compile=True).prepare(model)
        fused = model.segment(images)[0]
    assert len(compiled) == 2
    torch.testing.assert_close(fused.mask_logits, exact.mask_logits, atol=1e-4, rtol=1e-4)
    assert list(model.state_dict()) == keys
