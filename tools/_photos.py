"""Photos with annotated objects, as tools/calibrate.py asks them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core.foundation.errors import InputError


@dataclass(frozen=True)
class Photo:
    """One photo with its objects: run-length masks, categories, and whether each is a crowd."""

    path: Path
    masks: list[dict]
    categories: list[str]
    crowds: list[bool]
    image: np.ndarray | None = None

    @property
    def present(self) -> list[str]:
        return sorted(set(self.categories))

    def opened(self, short_side: int) -> Photo:
        """With its pixels, and both at the network's size, which takes less time and is enough to judge masks by.

        Raises:
            InputError: The photo cannot be read.
        """
        try:
            picture = Image.open(self.path).convert("RGB")
        except OSError as error:
            raise InputError(f"cannot read the photo {self.path}: {error}") from None
        scale = min(1.0, short_side / min(picture.size))
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        masks = []
        for mask in self.masks:
            pixels = Image.fromarray(coco_mask.decode(mask) * np.uint8(255)).resize(size, Image.Resampling.BILINEAR)
            masks.append(coco_mask.encode(np.asfortranarray(np.asarray(pixels) >= 128).astype(np.uint8, order="F")))
        pixels = np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
        return replace(self, masks=masks, image=pixels)


def read_photos(
    annotations: Path, folder: Path, part: str, left_out: str | None = None
) -> tuple[list[Photo], list[str]]:
    """Photos of a part of a COCO json, without those whose record has a true field `left_out`; all its categories.

    Raises:
        InputError: The json cannot be read, or no photo is left.
    """
    try:
        data = json.loads(annotations.read_text())
        rest, divisor = map(int, part.split("/"))
        names = {entry["id"]: entry["name"] for entry in data["categories"]}
        objects: dict[int, list[dict]] = {}
        for entry in data["annotations"]:
            objects.setdefault(entry["image_id"], []).append(entry)
        photos = [
            photo_of(folder / image["file_name"], image, objects.get(image["id"], []), names)
            for image in data["images"]
            if image["id"] % divisor == rest and not image.get(left_out)
        ]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{annotations}, --part {part}: {error}") from None
    if not photos:
        raise InputError(f"{annotations} has no photo for --part {part}")
    return photos, list(names.values())


def photo_of(path: Path, image: dict, objects: list[dict], names: dict[int, str]) -> Photo:
    """A photo with its objects, polygons and uncompressed runs as compressed ones."""
    size = image["height"], image["width"]
    masks = []
    for entry in objects:
        segmentation = entry["segmentation"]
        if isinstance(segmentation, list):
            segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
        elif isinstance(segmentation["counts"], list):
            segmentation = coco_mask.frPyObjects(segmentation, *size)
        masks.append(segmentation)
    crowds = [bool(entry.get("iscrowd")) for entry in objects]
    return Photo(path, masks, [names[entry["category_id"]] for entry in objects], crowds)
