"""What `train.py` does once its arguments are read."""

from __future__ import annotations

import argparse
import errno
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from _run_config import evaluators, machine_limits, parts_of, read_run_config
from clipvis_core import InputError
from clipvis_train.launching import process_group
from clipvis_train.mixed_precision import use_mixed_precision
from clipvis_train.tensorboard import add_tensorboard, check_tensorboard


def configure(args: argparse.Namespace) -> Config:
    """The config with the command line's choices put into it."""
    config = read_run_config(args)
    if "train_cfg" not in config:
        raise InputError(f"{args.config} is for inference only: it has no training schedule")
    for evaluator in evaluators(config, "val_evaluator"):
        if evaluator.get("format_only"):  # without public annotations: a result list in the folder of the run
            evaluator.outfile_prefix = str(Path(config.work_dir, "validation_results"))
    if args.amp or args.amp_dtype:
        use_mixed_precision(config, args.amp_dtype or "float16")
    if args.auto_scale_lr:
        if not config.get("auto_scale_lr", {}).get("base_batch_size"):
            raise InputError(f"{args.config} has no auto_scale_lr.base_batch_size, the batch its learning rate is for")
        config.auto_scale_lr.enable = True
    if args.tensorboard:
        add_tensorboard(config)
    check_tensorboard(config)
    if args.resume == "auto":
        config.resume = "auto"  # and `load_from` stays, for a run that has no checkpoint yet
    elif args.resume is not None:
        if not Path(args.resume).is_file():
            raise InputError(f"checkpoint {args.resume} to resume from not found")
        config.resume, config.load_from = True, args.resume
    return config


def build_parts(runner: Runner) -> None:
    """Builds what `train` of the usual runner builds before the first iteration; of another runner the data."""
    if runner.train_loop is None:
        raise InputError("there is nothing to train on: the config has no train_dataloader")
    if not isinstance(runner, Runner):
        return
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    runner.auto_scale_lr = None  # done, and before the schedules start from it
    if runner.param_schedulers is not None:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
    runner.val_loop  # noqa: B018 - builds the data


def train(args: argparse.Namespace) -> None:
    """Trains as the arguments of `train.py` say.

    Raises:
        InputError: A config, data or weights that cannot be used, or a full disk.
    """
    with parts_of(args.config):
        config = configure(args)
    try:
        with process_group(config):
            with parts_of(args.config):
                runner = RUNNERS.build(config)
                build_parts(runner)
            with machine_limits():
                runner.train()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"{error.filename or config.work_dir}: {error.strerror}; the checkpoints are whole: "
            "make room and go on with --resume"
        ) from None
