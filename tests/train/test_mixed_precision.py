"""A training step in bfloat16, on the CPU, beside the same step in float32."""

from __future__ import annotations

import copy

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS, init_default_scope
from mmengine.structures import InstanceData

import clipvis_train.hooks  # noqa: F401 - registers


@pytest.fixture(scope="module")
def config(repo_root):
    init_default_scope("mmdet")
    return Config.fromfile(repo_root / "configs/quick/photos.py")


@pytest.fixture(scope="module")
def model(config):
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    return model.train()


def batch():
    generator = torch.Generator().manual_seed(1)
    images = torch.nn.functional.interpolate(
        torch.rand((2, 3, 8, 8), generator=generator) * 255, size=(128, 160), mode="bilinear"
    )
    samples = []
    for index in range(2):
        masks = torch.zeros(2, 128, 160, dtype=torch.uint8)
        masks[0, 10:70, 20 + 30 * index : 90] = 1
        masks[1, 60:120, 80:150] = 1
        sample = DetDataSample(metainfo={"img_shape": (128, 160), "ori_shape": (128, 160)})
        sample.gt_instances = InstanceData(
            masks=BitmapMasks(masks.numpy(), 128, 160), labels=torch.zeros(2, dtype=torch.long)
        )
        samples.append(sample)
    return {"inputs": list(images), "data_samples": samples}


def step(model, config, kind):
    """Losses of one step, and the gradients it would clip."""
    model = copy.deepcopy(model)
    options = {k: v for k, v in config.optim_wrapper.items() if k not in ("constructor", "type")}
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.get("CLIPVISOptimWrapperConstructor")
    wrapper = constructor(options | {"type": kind, "clip_grad": None})(model)
    gradients = {}
    wrapper.optimizer.register_step_pre_hook(
        lambda *_: gradients.update({n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad})
    )
    torch.manual_seed(5)  # the same points
    losses = model.train_step(batch(), wrapper)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    return losses, gradients


def test_a_bfloat16_step_is_finite_and_near_float32(model, config):
    exact, exact_gradients = step(model, config, "OptimWrapper")
    rough, gradients = step(model, config, "BFloat16OptimWrapper")
    assert exact.keys() == rough.keys()
    for name, value in exact.items():  # measured: 0.9 % at most, the total 0.04 %
        assert float(rough[name].detach()) == pytest.approx(float(value.detach()), rel=0.03), name
    assert float(rough["loss"].detach()) == pytest.approx(float(exact["loss"].detach()), rel=0.004)
    assert all(torch.isfinite(value).all() for value in gradients.values())
    flat, expected = (torch.cat([g[name].flatten() for name in exact_gradients]) for g in (gradients, exact_gradients))
    assert not torch.equal(flat, expected), "autocast was not on"
    assert torch.cosine_similarity(flat, expected, dim=0) > 0.98  # measured: 0.997
