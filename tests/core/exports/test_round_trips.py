"""Random masks come back from the kinds that hold masks, whatever their holes and parts."""

from __future__ import annotations

import json
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from answered_clips import answered, cvat_mask
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core.exports import Options, export
from clipvis_core.inference import Answer

SHAPES = st.tuples(st.just(1), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
MASKS = SHAPES.flatmap(lambda shape: arrays(bool, shape)).filter(np.any)


def read_coco(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    masks = np.zeros(shape, dtype=bool)
    for one in json.loads((path / "annotations.json").read_text())["annotations"]:
        masks[one["track_id"] - 1, one["image_id"] - 1] = coco_mask.decode(one["segmentation"])
    return masks


def read_ytvis(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    masks = np.zeros(shape, dtype=bool)
    for track in json.loads((path / "train.json").read_text())["annotations"]:
        for frame, code in enumerate(track["segmentations"]):
            if code is not None:
                masks[track["id"] - 1, frame] = coco_mask.decode(code)
    return masks


def read_mots(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    masks = np.zeros(shape, dtype=bool)
    for line in (path / "data/park.txt").read_text().splitlines():
        frame, number, _, height, width, counts = line.split(" ")
        code = {"size": [int(height), int(width)], "counts": counts}
        masks[int(number) % 1000 - 1, int(frame) - 1] = coco_mask.decode(code)
    return masks


def read_cvat(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    masks = np.zeros(shape, dtype=bool)
    for image in ElementTree.parse(path / "images.xml").getroot().findall("image"):
        for mask in image.findall("mask"):
            masks[int(mask.get("group_id")) - 1, int(image.get("id"))] = cvat_mask(mask, shape[2:])
    return masks


def read_rgba(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    pictures = [np.asarray(Image.open(file)) for file in sorted(path.rglob("*.png"))]
    return np.stack(pictures)[None, ..., 3] > 0


READERS = {"coco": read_coco, "ytvis": read_ytvis, "mots": read_mots, "cvat": read_cvat, "rgba": read_rgba}


@settings(max_examples=12, deadline=None)
@given(masks=MASKS)
def test_masks_come_back(masks):
    with tempfile.TemporaryDirectory() as folder:
        answer: Answer = answered(Path(folder), masks=masks, scores=(0.9,))
        for kind, read in READERS.items():
            path = export(answer, kind, all_tracks=True, options=Options(frames=False))
            assert (read(path, masks.shape) == masks).all(), kind
