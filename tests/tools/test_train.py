"""What the options of tools/train.py do to a config."""

from __future__ import annotations

import logging
import subprocess
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
    import _training
    import train

    def call(*options: str, config: str = CONFIG):
        monkeypatch.setattr(sys, "argv", ["train.py", str(repo_root / config), *options])
        return _training.configure(train.parse_args())

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


@pytest.mark.parametrize(
    ("options", "kind"), [([], "CLIPVISRunner"), (["--cfg-options", "runner_type=FlexibleRunner"], "FlexibleRunner")]
)
def test_another_runner_can_be_named(monkeypatch, repo_root, tmp_path, options, kind):
    import _training
    import train

    def from_cfg(runner, config):
        raise RuntimeError(f"{runner.__name__} is built")

    monkeypatch.setattr(sys, "argv", ["train.py", str(repo_root / CONFIG), "--work-dir", str(tmp_path), *options])
    monkeypatch.setattr(_training.RUNNERS.get(kind), "from_cfg", classmethod(from_cfg))
    with pytest.raises(InputError, match=f"{kind} is built"):
        _training.train(train.parse_args())


def test_tensorboard_must_be_installed(configured, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match="TensorBoard is not installed"):
        configured("--tensorboard")


def test_results_without_annotations_go_to_the_work_dir(configured):
    config = configured("--work-dir", "here", config="configs/video/clipvis_r50_ytvis2019.py")
    assert config.val_evaluator.outfile_prefix == "here/validation_results"
    assert "outfile_prefix" not in configured().val_evaluator


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("train_dataloader.batchsize=2", "the config has no batchsize there, but batch_size"),
        ("optim_wraper.optimizer.lr=1", "the config has no optim_wraper there, but optim_wrapper"),
        ("nokey", "give KEY=VALUE"),
        ("=3", "give KEY=VALUE"),
        ("load_from=[1,2", "cannot be read or set"),
        ("custom_hooks.9.type=X", "cannot be read or set"),
    ],
)
def test_options_that_set_nothing_are_refused(configured, option, message):
    with pytest.raises(InputError, match=message):
        configured("--cfg-options", option)


def test_new_keys_can_be_set(configured):
    config = configured("--cfg-options", "randomness.seed=3", "model.topk=7", "custom_hooks.0.type=EMAHook")
    assert (config.randomness.seed, config.model.topk, config.custom_hooks[0].type) == (3, 7, "EMAHook")


def test_faults_of_parts_are_told_in_a_line(configured, monkeypatch, tmp_path, repo_root):
    """Keys and types that no part knows, whichever part it is."""
    import _training
    import train

    for option in ("default_hooks.timer.speed=3", "default_hooks.timer.type=Clock", "optim_wrapper=None"):
        config = str(repo_root / CONFIG)
        given = ["train.py", config, "--work-dir", str(tmp_path), "--cfg-options", option]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(InputError, match=r"clipvis_r50_lvis\.py cannot be used \("):
            _training.train(train.parse_args())


@pytest.mark.parametrize("program", ["train.py", "test.py"])
def test_arguments_are_read_before_torch(repo_root, program):
    """`--help` and mistakes of the command line answer at once."""
    probe = f"""if True:
        import atexit, runpy, sys
        atexit.register(lambda: print("torch" in sys.modules))
        sys.argv = ["x", "--nonsense"]
        sys.path.insert(0, {str(repo_root / "tools")!r})
        runpy.run_path({str(repo_root / "tools" / program)!r}, run_name="__main__")
    """
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (2, ["False"]), done.stderr
