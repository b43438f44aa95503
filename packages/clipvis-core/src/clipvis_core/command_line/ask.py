"""`clipvis ask`: other words for a video that was segmented before, without the network.

Asks the features.bin of an output folder. With words, writes what a run with them would have written to another folder;
with --find, lists when the tracks of one or more videos match words best.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from clipvis_core.command_line.infer_options import add_drawing_arguments, add_word_arguments
from clipvis_core.foundation.errors import InputError

FEATURES, DEFAULT_FOLDER = "features.bin", "asked"


def parse_args(arguments: Sequence[str]) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        "clipvis ask", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", metavar="OUT", nargs="+", help="output folder of a run; several with --find")
    words = add_word_arguments(parser)
    words.add_argument("--find", metavar="WORDS", help="list the moments at which tracks match these words best")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="most moments that --find lists (default: 10)")
    parser.add_argument("--topk", type=int, help="most (track, category) pairs (default: as in the run)")
    parser.add_argument(
        "--out-dir", help=f"folder for the answer (default: {DEFAULT_FOLDER} in OUT, replaced each time)"
    )
    parser.add_argument("--checkpoint", metavar="FILE", help="the weights of the run, if they are elsewhere by now")
    parser.add_argument("--config", help="the config of the run, if it is not of this package")
    add_drawing_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Does what the arguments of `clipvis ask` say; returns the exit code.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    args = parse_args(arguments)
    from clipvis_core.command_line import asking  # imports torch, which takes seconds: after the arguments

    return asking.find(args) if args.find is not None else asking.ask(args)


def answer_folder(args: argparse.Namespace) -> Path:
    """Where the answer goes.

    Raises:
        InputError: A run's own answer is there, with its features.
    """
    folder = Path(args.out_dir) if args.out_dir else Path(args.folders[0]) / DEFAULT_FOLDER
    if (folder / FEATURES).exists():
        raise InputError(f"{folder} has the answer of a run with its features: choose another --out-dir")
    return folder
