"""Tests a model on a dataset: `python tools/test.py CONFIG CHECKPOINT [--work-dir D] [--resume]`.

Video results are written as they come, one file a video; a run that was killed goes on with
`--resume` and ends with the same `results.json` as one that was not.
"""

from __future__ import annotations

import argparse

import _command
from _run_options import add_run_arguments
from clipvis_core.command_line.infer_options import DTYPES
from clipvis_core.foundation.errors import InputError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_run_arguments(parser)
    parser.add_argument("checkpoint", help="an official .pth or one of ours")
    parser.add_argument("--resume", action="store_true", help="skip the videos already finished")
    parser.add_argument(
        "--dtype",
        default="float32",
        choices=DTYPES,
        help="precision of the network's heavy parts; reported figures are float32's",
    )
    parser.add_argument("--format-only", action="store_true", help="write results, no evaluation")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from _testing import test  # imports torch, which takes seconds: after the arguments

    test(args)


if __name__ == "__main__":
    _command.run(main, InputError, at_once=_command.is_one_of_a_group)
