"""Fits photo-mini's calibration on photos that its labels have learnt from, as if they had not.

The encoder's further labels are fitted on all photos of COCO that could be held back, so that a fit of
`tools/calibrate.py` on these would be too sure of itself. Here the photos are divided into parts; each is asked with
labels that were refitted on the others. Only the calibration is written, not these labels.

    python projects/photo_mini/tools/calibrate_photo_mini.py weights/photo_mini.safetensors \\
        PHOTOS/annotations/coco_full.json PHOTOS/images --leave-out in_tinycoco
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

import _command
from clipvis_core.foundation.errors import InputError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="photo-mini's .safetensors")
    parser.add_argument("annotations", type=Path, help="COCO json that its labels were fitted on")
    parser.add_argument("folder", type=Path, help="where its file names start")
    parser.add_argument("--leave-out", metavar="FIELD", help="skip photos with this field set: those to measure on")
    parser.add_argument("--parts", type=int, default=4, help="as many as the labels are refitted for")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="ask only every Nth photo of a part")
    parser.add_argument("--absent", type=int, default=5, help="absent words that each photo is asked for")
    parser.add_argument("--threshold", type=float, help="least score that is drawn by default (default: chosen)")
    parser.add_argument("--out", type=Path, help="write these weights (default: over the old ones)")
    args = parser.parse_args()
    from projects.photo_mini.photo_mini.calibrating import run  # imports torch: after the arguments

    run(args)


if __name__ == "__main__":
    _command.run(main, InputError)
