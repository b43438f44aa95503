"""Arguments that `train.py` and `test.py` have in common; nothing that takes time is imported."""

from __future__ import annotations

import argparse


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The config, the folder, and how the processes are started."""
    parser.add_argument("config", metavar="CONFIG")
    parser.add_argument("--work-dir", help="folder for what the run writes (default: work_dirs/NAME OF CONFIG)")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--local-rank", "--local_rank", type=int, help=argparse.SUPPRESS)  # torch's launcher sets it
    parser.add_argument("--cfg-options", nargs="+", metavar="KEY=VALUE", help="override the config")
