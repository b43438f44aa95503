"""Trains a config: `python tools/train.py configs/image/clipvis_r50_lvis.py --amp`."""

from __future__ import annotations

import argparse

import _command
from _run_options import add_run_arguments
from clipvis_core.foundation.errors import InputError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_run_arguments(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="PATH",
        help="continue from PATH, or from the newest checkpoint of the work dir that loads",
    )
    parser.add_argument("--amp", action="store_true", help="train in mixed precision, as published")
    parser.add_argument(
        "--amp-dtype",
        choices=["float16", "bfloat16"],
        help="the lower precision (implies --amp; default float16, with loss scaling, as published)",
    )
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="learning rate times total batch / auto_scale_lr.base_batch_size of the config",
    )
    parser.add_argument("--tensorboard", action="store_true", help="also log losses and pictures for TensorBoard")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from _training import train  # imports torch, which takes seconds: after the arguments

    train(args)


if __name__ == "__main__":
    _command.run(main, InputError, at_once=_command.is_one_of_a_group)
