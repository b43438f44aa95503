"""Optimizer groups against the published ones."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS

import clipvis_train  # noqa: F401
from clipvis_core.checkpoints import to_official
from clipvis_core.inference import build_model
from clipvis_train import parameter_groups


@pytest.fixture(scope="module")
def config(repo_root):
    return Config.fromfile(repo_root / "configs/video/clipvis_r50_ytvis2019.py")


@pytest.fixture(scope="module")
def model(config):
    return build_model(config, checkpoint=None)


def test_groups_equal_published(model, reference_dir):
    published = json.loads((reference_dir / "parity/optimizer_goldens.json").read_text())[
        "rn50_dec10"
    ]["params"]
    decayed, undecayed = parameter_groups(model)
    ours = dict.fromkeys(to_official(decayed), 0.05) | dict.fromkeys(to_official(undecayed), 0.0)
    ours.pop("criterion.empty_object_weight")  # a buffer that `to_official` adds
    assert ours == {name: entry["weight_decay"] for name, entry in published.items()}


def test_frozen_parameters_are_not_in_the_optimizer(model, config):
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.get("CLIPVISOptimWrapperConstructor")
    wrapper = constructor(
        {key: value for key, value in config.optim_wrapper.items() if key != "constructor"}
    )(model)
    held = {parameter for group in wrapper.optimizer.param_groups for parameter in group["params"]}
    assert held == {parameter for parameter in model.parameters() if parameter.requires_grad}
    assert not held & set(model.backbone.parameters())
    assert isinstance(wrapper.optimizer, torch.optim.AdamW)
    assert [group["weight_decay"] for group in wrapper.optimizer.param_groups] == [0.05, 0.0]
    assert {group["lr"] for group in wrapper.optimizer.param_groups} == {1e-4}


def test_paramwise_cfg_is_refused():
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.get("CLIPVISOptimWrapperConstructor")
    with pytest.raises(ValueError, match="paramwise_cfg"):
        constructor({"optimizer": {}}, paramwise_cfg={"norm_decay_mult": 0})
