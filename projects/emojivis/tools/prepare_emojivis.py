"""Paints clips of EmojiVIS to disk: frames, a json in the YouTube-VIS form, and one of images in the COCO form.

Example: `python projects/emojivis/tools/prepare_emojivis.py datasets/emojivis --split val`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

import _command
from clipvis_core.foundation.errors import InputError
from projects.emojivis.emojivis import SPLITS, EmojiWorld, SceneOptions, write_emojivis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", help="folder of the dataset; gets SPLIT.json and SPLIT/JPEGImages")
    parser.add_argument("--split", choices=tuple(SPLITS), default="val")
    parser.add_argument("--videos", type=int, default=100, help="number of clips (default: 100)")
    parser.add_argument("--length", type=int, default=12, help="frames of a clip (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another dataset")
    parser.add_argument("--backgrounds", help="folder of photos, for half of the backgrounds")
    parser.add_argument("--processes", type=int, help="processes that paint (default: cores)")
    args = parser.parse_args()
    if args.length < 1:
        raise InputError(f"--length {args.length} is no number of frames")
    options = SceneOptions(length=args.length)
    world = EmojiWorld(args.split, seed=args.seed, options=options, backgrounds=args.backgrounds)
    counts = write_emojivis(args.out, world, args.split, args.videos, processes=args.processes)
    written = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print(f"{args.out}/{args.split}.json: {written}")


if __name__ == "__main__":
    _command.run(main, InputError)
