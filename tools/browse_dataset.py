"""Draws the samples of a config's dataset as training gets them, after augmentation.

Example: `python tools/browse_dataset.py configs/_base_/datasets/coco.py --out-dir pictures --number 8`
"""

from __future__ import annotations

import argparse

import _command
from clipvis_core.foundation.errors import InputError


def main() -> None:
    args = parse_arguments()
    from _browsing import browse  # imports torch, which takes seconds: after the arguments

    browse(args)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config with a dataset")
    parser.add_argument("--split", choices=("train", "val", "test"), default="train")
    parser.add_argument("--out-dir", help="folder for the pictures (default: show them in a window)")
    parser.add_argument("--number", type=int, default=16, help="samples to draw")
    parser.add_argument("--shuffle", action="store_true", help="take them at random")
    parser.add_argument("--seed", type=int, default=0, help="of the augmentation and the choice")
    parser.add_argument("--cfg-options", nargs="+", metavar="KEY=VALUE", help="override the config")
    return parser.parse_args()


if __name__ == "__main__":
    _command.run(main, InputError)
