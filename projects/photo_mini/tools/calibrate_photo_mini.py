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
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

import _calibration as calibrate
import _command
from _photos import Photo, read_photos
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.inference.model_choice import choose_model
from clipvis_core.models import ConSEEncoder
from projects.photo_mini.photo_mini.objects import Objects, Pixels, see_objects
from projects.photo_mini.tools.build_photo_mini import CONFIG, set_classifier


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
    photos, names = read_photos(args.annotations, args.folder, "0/1", left_out=args.leave_out)
    config, checkpoint = choose_model(None, None, str(args.weights), is_image=True)
    inferencer = CLIPVISInferencer(config, checkpoint, vocabulary=["thing"], device="cpu")
    encoder = inferencer.model.backbone
    pixels = Pixels(**Config.fromfile(CONFIG).pixels)
    objects = see_objects(encoder, pixels, args.annotations, args.folder, left_out=args.leave_out)
    parts = divide(photos, objects, encoder, args.parts, args.every)
    asker = calibrate.Asker(inferencer)
    calibration = calibrate.fit(asker, parts, names, absent=args.absent, threshold=args.threshold)
    calibrate.write_calibration(calibration, args.weights, args.out)


def divide(
    photos: list[Photo], objects: Objects, encoder: ConSEEncoder, count: int, every: int
) -> list[calibrate.Part]:
    """Parts of photos, each with the labels that were fitted on the objects of the others.

    Args:
        photos: All photos, in the order of their file.
        objects: What the encoder sees in them.
        encoder: Its classifier is replaced whenever a part is prepared.
        count: Number of parts.
        every: Of a part's photos only every Nth is asked.
    """
    own = torch.nn.Linear(encoder.classifier.in_features, encoder.classifier.out_features - len(objects.names))
    own.requires_grad_(False)
    own.weight.copy_(encoder.classifier.weight[: own.out_features])
    own.bias.copy_(encoder.classifier.bias[: own.out_features])
    # Objects are counted by the photos that show any; crowds are none.
    part_of_object = torch.tensor(
        [place % count for place, photo in enumerate(photos) if not all(photo.crowds)]
    )[objects.photos]  # fmt: skip
    return [
        calibrate.Part(
            photos[part :: count * every],
            partial(set_classifier, encoder, own, objects[part_of_object != part]),
        )
        for part in range(count)
    ]


if __name__ == "__main__":
    _command.run(main, InputError)
