"""What the options of tools/train.py do to a config."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from clipvis_core import InputError

CONFIG = "configs/image/clipvis_r50_lvis.py"


@pytest.fixture
def configured(monkeypatch, repo_root):
    """Config that training would run with, from options."""
    import train

    def call(*options: str, config: str = CONFIG):
        monkeypatch.setattr(sys, "argv", ["train.py", str(repo_root / config), *options])
        return train.configure(train.parse_args())

    return call


def test_plain_training_is_float32_and_never_rescaled(configured):
    config = configured()
    assert config.optim_wrapper.type == "OptimWrapper"
    assert config.auto_scale_lr == {"base_batch_size": 16, "enable": False}
    assert config.work_dir == "work_dirs/clipvis_r50_lvis"


def test_amp_is_float16_with_loss_scaling(configured, monkeypatch):
    with pytest.raises(InputError, match="float16 with loss scaling needs a GPU"):
        configured("--amp")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    wrapper = configured("--amp").optim_wrapper
    assert (wrapper.type, wrapper.dtype) == ("AmpOptimWrapper", "float16")
    assert wrapper.loss_scale == "dynamic"
    assert wrapper.clip_grad.max_norm == 0.01
    assert configured("--amp", "--amp-dtype", "float16").optim_wrapper == wrapper


@pytest.mark.parametrize("options", [["--amp-dtype", "bfloat16"], ["--amp", "--amp-dtype=bfloat16"]])
def test_bfloat16_needs_no_loss_scaling(configured, options):
    wrapper = configured(*options).optim_wrapper
    assert wrapper.type == "BFloat16OptimWrapper"
    assert "loss_scale" not in wrapper


def test_auto_scale_lr_follows_the_batch(configured):
    config = configured("--auto-scale-lr", "--cfg-options", "train_dataloader.batch_size=4")
    assert config.auto_scale_lr.enable is True
    # mmengine's rule, with the runner's own code: 2 processes of 4 images against a base of 16.
    runner = SimpleNamespace(
        _train_dataloader=config.train_dataloader,
        world_size=2,
        logger=logging.getLogger(),
        param_schedulers=config.param_scheduler,
    )
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    Runner.scale_lr(runner, OptimWrapper(optimizer), config.auto_scale_lr)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5e-4)


def test_auto_scale_lr_needs_the_batch_of_the_learning_rate(configured):
    with pytest.raises(InputError, match=r"has no auto_scale_lr\.base_batch_size"):
        configured("--auto-scale-lr", "--cfg-options", "auto_scale_lr.base_batch_size=None")


def test_another_runner_can_be_named(configured, monkeypatch):
    import train

    made = []
    monkeypatch.setattr(train.RUNNERS, "build", made.append)
    monkeypatch.setattr(train.Runner, "from_cfg", lambda config: made.append("usual"))
    config = configured("--cfg-options", "runner_type=FlexibleRunner")
    train.build_runner(config)
    train.build_runner(configured())
    assert made == [config, "usual"]


def test_tensorboard_must_be_installed(configured, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match="TensorBoard is not installed"):
        configured("--tensorboard")


def test_results_without_annotations_go_to_the_work_dir(configured):
    config = configured("--work-dir", "here", config="configs/video/clipvis_r50_ytvis2019.py")
    assert config.val_evaluator.outfile_prefix == "here/validation_results"
    assert "outfile_prefix" not in configured().val_evaluator
