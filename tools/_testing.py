"""What `test.py` does once its arguments are read."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdet.registry import METRICS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from _run_config import evaluators, machine_limits, parts_of, read_run_config
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.inferencer import DTYPES
from clipvis_core.models import Arithmetic, CLIPVISImage, CLIPVISVideo
from clipvis_core.models.vocabulary_hook import inner_model
from clipvis_eval.metrics import TrackMetric
from clipvis_eval.running.result_store import file_digest, text_digest
from clipvis_eval.running.test_loop import ResumableTestLoop  # noqa: F401 - registers
from clipvis_train.launching import process_group
from clipvis_train.runner import load_weights


def test(args: argparse.Namespace) -> None:
    """Tests as the arguments of `test.py` say.

    Raises:
        InputError: A config, data or weights that cannot be used.
    """
    with parts_of(args.config):
        config = configure(args)
    with process_group(config):
        with parts_of(args.config):
            runner = Runner.from_cfg(config)
            runner.test_loop  # noqa: B018 - builds the data
        load_weights(inner_model(runner), args.checkpoint)
        if args.dtype != "float32":
            set_precision(inner_model(runner), args.dtype)
        with machine_limits():
            runner.test()


def configure(args: argparse.Namespace) -> Config:
    """The config with the command line's choices put into it, and nothing of training."""
    if not Path(args.checkpoint).is_file():
        raise InputError(f"{args.checkpoint}: no such checkpoint")
    config = read_run_config(args)
    init_default_scope(config.get("default_scope", "mmdet"))
    for key in ("model", "test_dataloader", "test_evaluator"):
        if config.get(key) is None:
            raise InputError(f"{args.config} has no {key}; choose a config that can be tested")
    if args.format_only:
        set_format_only(config)
    if is_track_test(config):
        config.test_cfg = {
            "type": "ResumableTestLoop",
            "identity": identity(config, args.checkpoint, args.dtype),
            "resume": args.resume,
        }
    elif args.resume:
        raise InputError("--resume needs a video dataset with a track metric; run without it")
    elif config.get("test_cfg") is None:
        config.test_cfg = {"type": "TestLoop"}
    config.load_from, config.resume = None, False  # what the config starts training from is not what is tested
    config.train_dataloader = config.train_cfg = config.optim_wrapper = None
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.param_scheduler = None
    return config


def set_format_only(config: Config) -> None:
    """Makes each metric write its results and stop."""
    for evaluator in evaluators(config, "test_evaluator"):
        evaluator.format_only = True
        evaluator.outfile_prefix = str(Path(config.work_dir, "results"))


def is_track_test(config: Config) -> bool:
    """Whether the evaluator is one track metric, so that results can be kept video by video."""
    kinds = [METRICS.get(evaluator.type) for evaluator in evaluators(config, "test_evaluator")]
    return len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], TrackMetric)


def set_precision(model: object, dtype: str) -> None:
    """Has the model test in a precision."""
    if not isinstance(model, CLIPVISImage | CLIPVISVideo):
        raise InputError(f"--dtype {dtype} is for CLIP-VIS models; run without it")
    Arithmetic(DTYPES[dtype]).prepare(model)


def identity(config: Config, checkpoint: str, dtype: str) -> dict[str, str]:
    """What a resumed run must share with the killed one; hooks are included, because one sets the vocabulary."""
    return {
        "config": text_digest(Config({"model": config.model}).pretty_text),
        "dataset": text_digest(Config({"dataset": config.test_dataloader.dataset}).pretty_text),
        "list of hooks": text_digest(Config({"custom_hooks": config.get("custom_hooks", [])}).pretty_text),
        "checkpoint": file_digest(checkpoint),
        "dtype": dtype,
    }
