"""What `calibrate_photo_mini.py` does: photos are asked with labels that were fitted on the others."""

from __future__ import annotations

import argparse
from functools import partial

import torch
from mmengine.config import Config

import _calibration as calibrate
from _photos import Photo, read_photos
from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.inference.model_choice import choose_model
from clipvis_core.models import ConSEEncoder
from projects.photo_mini.photo_mini.building import CONFIG, set_classifier
from projects.photo_mini.photo_mini.objects import Objects, Pixels, see_objects


def run(args: argparse.Namespace) -> None:
    """Fits the calibration and writes it into a file of weights."""
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
