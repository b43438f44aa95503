"""Fits what a model's scores mean on annotated photos it was not trained on, or measures what its answers are worth.

Photos are asked for words: one that they show, one that they lack, and a list. `fit` writes into the facts of a file of
weights how likely a track is right (right name and a mask with an IoU of 0.5), which `tools/infer.py` then shows as its
score. `measure` says how often a single word that a photo lacks is refused, how often a large object is still found
that is found without contrast words, and how well scores agree with how often tracks are right.

    DATA="PHOTOS/annotations/coco_full.json PHOTOS/images"
    python tools/calibrate.py fit weights/photo_mini.safetensors $DATA --part 8/16
    python tools/calibrate.py measure weights/photo_mini.safetensors $DATA --part 0/16

The photos are a COCO json that annotates all its categories in all its photos; `--part 8/16` takes those whose id
leaves 8 when divided by 16.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import _command
from clipvis_core.foundation.errors import InputError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=["fit", "measure"])
    parser.add_argument("weights", type=Path, help="a .safetensors file that names its configs")
    parser.add_argument("annotations", type=Path, help="COCO json")
    parser.add_argument("folder", type=Path, help="where its file names start")
    parser.add_argument("--part", default="0/1", metavar="A/B", help="only photos whose id leaves A when divided by B")
    parser.add_argument("--threshold", type=float, help="fit: least score that is drawn by default (default: chosen)")
    parser.add_argument("--leave-out", metavar="FIELD", help="skip photos with this field set")
    parser.add_argument("--absent", type=int, default=5, help="absent words that each photo is asked for")
    parser.add_argument(
        "--out", type=Path, help="fit: write these weights; measure: draw this reliability diagram (PNG)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from _calibration import calibrate  # imports torch, which takes seconds: after the arguments

    calibrate(args)


if __name__ == "__main__":
    _command.run(main, InputError)
