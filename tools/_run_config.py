"""What `train.py` and `test.py` have in common: arguments of a run, and the config that they give."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import Config, ConfigDict, DictAction

from clipvis_core.inference import building


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The config, the folder, and how the processes are started."""
    parser.add_argument("config", metavar="CONFIG")
    parser.add_argument("--work-dir", help="folder for what the run writes (default: work_dirs/NAME OF CONFIG)")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--local-rank", "--local_rank", type=int, help=argparse.SUPPRESS)  # torch's launcher sets it
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, metavar="KEY=VALUE", help="override the config")


def read_run_config(args: argparse.Namespace) -> Config:
    """The config with the choices of `add_run_arguments` put into it; its model may be one of a project."""
    config = building.read_config(args.config, models="")
    if args.cfg_options:
        config.merge_from_dict(args.cfg_options)
    config.launcher = args.launcher
    config.work_dir = args.work_dir or config.get("work_dir") or str(Path("work_dirs", Path(args.config).stem))
    return config


def evaluators(config: Config, key: str) -> list[ConfigDict]:
    """The metrics of `val_evaluator` or `test_evaluator`: none, one or several."""
    found = config.get(key) or []
    return list(found) if isinstance(found, list | tuple) else [found]
