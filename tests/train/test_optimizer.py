"""The optimizer, its groups and its schedule against recordings of the published runs."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, PARAM_SCHEDULERS
from shapes_only import build_on_meta

import clipvis_train.hooks  # noqa: F401 - registers
from clipvis_core.checkpoints import to_official

#: Config of each trained model, the recording it is held against, and its weights' names.
RUNS = {
    "image/clipvis_r50_lvis.py": ("rn50_dec10", "state_dict_rn50_dec7"),
    "image/clipvis_r50_coco.py": ("rn50_dec10", "state_dict_rn50_dec10"),
    "video/clipvis_r50_ytvis2019.py": ("rn50_dec10", "state_dict_rn50_dec10"),
    "image/clipvis_convnext-b_lvis.py": ("convnextb_dec10", "state_dict_convnextb_dec7"),
    "image/clipvis_convnext-b_coco.py": ("convnextb_dec10", "state_dict_convnextb_dec10"),
    "video/clipvis_convnext-b_ytvis2019.py": ("convnextb_dec10", "state_dict_convnextb_dec10"),
}


@pytest.fixture(scope="module")
def recorded(reference_dir):
    return json.loads((reference_dir / "parity/optimizer_goldens.json").read_text())


def wrap(config, model):
    options = {key: value for key, value in config.optim_wrapper.items() if key != "constructor"}
    return OPTIM_WRAPPER_CONSTRUCTORS.get(config.optim_wrapper.constructor)(options)(model)


@pytest.mark.parametrize("name", RUNS)
def test_every_parameter_has_the_published_rate_and_decay(name, repo_root, reference_dir, recorded):
    config = Config.fromfile(repo_root / "configs" / name)
    model = build_on_meta(config)
    wrapper = wrap(config, model)
    ours = {}
    for group in wrapper.optimizer.param_groups:
        members = set(group["params"])
        named = {n: p for n, p in model.named_parameters() if p in members}
        assert len(named) == len(members)
        entry = {"lr": group["lr"], "weight_decay": group["weight_decay"]}
        ours |= dict.fromkeys(to_official(named), entry)
    ours.pop("criterion.empty_object_weight", None)  # a buffer that `to_official` adds
    recording, weights = RUNS[name]
    weights = json.loads((reference_dir / "parity" / f"{weights}.json").read_text())
    known = {entry["name"] for entry in weights}
    published = recorded[recording]
    # The recordings are of nine layers; the LVIS models have the first six of them.
    assert ours == {n: entry for n, entry in published["params"].items() if n in known}
    assert not any(p.requires_grad for p in model.backbone.parameters())

    optimizer = wrapper.optimizer
    assert isinstance(optimizer, torch.optim.AdamW)
    assert type(wrapper) is OptimWrapper
    assert list(optimizer.defaults["betas"]) == published["betas"]
    assert optimizer.defaults["eps"] == published["eps"]
    assert optimizer.defaults["lr"] == published["base_lr"]
    assert wrapper.clip_grad_kwargs == {"max_norm": published["clip_norm"], "norm_type": 2}


def test_the_schedule_is_the_published_one(repo_root, recorded):
    config = Config.fromfile(repo_root / "configs/image/clipvis_r50_lvis.py")
    expected = recorded["lr_schedule_rn50"]
    assert config.train_cfg.max_iters == expected["max_iter"]
    assert config.auto_scale_lr.base_batch_size == expected["batch"]
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    optimizer.step()
    scheduler = PARAM_SCHEDULERS.build(config.param_scheduler | {"optimizer": optimizer})
    rates = []
    for _ in range(config.train_cfg.max_iters):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    for iteration, rate in expected["lr_at_iter"].items():
        assert rates[int(iteration)] == pytest.approx(rate, rel=1e-12), iteration


def test_the_gradient_is_clipped_as_one_vector(repo_root):
    """After unscaling, over all parameters: the published full-model clipping."""
    config = Config.fromfile(repo_root / "configs/image/clipvis_r50_lvis.py")
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LayerNorm(3))
    wrapper = wrap(config, model)
    seen = []
    wrapper.optimizer.register_step_pre_hook(lambda *_: seen.extend(p.grad.clone() for p in model.parameters()))
    loss = (model(torch.randn(5, 3)) ** 2 * 1e4).sum()
    whole = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    wrapper.update_params(loss)
    norm = torch.cat([g.flatten() for g in whole]).norm()
    for clipped, gradient in zip(seen, whole, strict=True):
        torch.testing.assert_close(clipped, gradient * 0.01 / norm, rtol=1e-4, atol=1e-9)


def test_paramwise_cfg_is_refused():
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.get("CLIPVISOptimWrapperConstructor")
    with pytest.raises(ValueError, match="paramwise_cfg"):
        constructor({"optimizer": {}}, paramwise_cfg={"norm_decay_mult": 0})
