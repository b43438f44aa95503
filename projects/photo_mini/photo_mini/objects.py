"""Annotated objects of photos and videos, as the encoder sees them through their true masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pycocotools import mask as rle_tools
from torch import Tensor
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.records import read_annotation_file
from clipvis_core.models import ConSEEncoder
from clipvis_core.models.encoder import average_pool_masks

SHORT_SIDE = 384
LONG_SIDE = 683
LEAST_AREA = 32 * 32


@dataclass(frozen=True)
class Pixels:
    """What the encoder wants its pixels to be: `(value - mean) / std`, as in the config's preprocessor."""

    mean: list[float]
    std: list[float]


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo, or one frame of a video.

    Attributes:
        path: The picture.
        size: Its height and width.
        segmentations: Each object's mask as its file has it: polygons or runs.
        categories: Each object's category id.
    """

    path: Path
    size: tuple[int, int]
    segmentations: list[dict | list]
    categories: list[int]

    def masks(self) -> np.ndarray:
        """uint8 `(N, H, W)`."""
        return np.stack([_decode(entry, *self.size) for entry in self.segmentations])


@dataclass(frozen=True)
class Objects:
    """What the encoder sees of N objects.

    Attributes:
        features: Mean dense features inside each mask, `(N, C)`.
        labels: int64 `(N,)`, places in `names`.
        photos: int64 `(N,)`, the photo each is in, counted from 0.
        names: All K names.
    """

    features: Tensor
    labels: Tensor
    photos: Tensor
    names: tuple[str, ...]

    def __getitem__(self, chosen: Tensor) -> Objects:
        return Objects(self.features[chosen], self.labels[chosen], self.photos[chosen], self.names)


def see_objects(
    encoder: ConSEEncoder,
    pixels: Pixels,
    annotations: Path,
    folder: Path,
    *,
    left_out: str | None = None,
    least_area: int = 0,
    every: int = 1,
) -> Objects:
    """Features of all objects that cover a cell of the dense features; crowds are left out.

    Args:
        encoder: Its trunk has its weights.
        pixels: What it wants its pixels to be.
        annotations: COCO or YouTube-VIS json.
        folder: Where its `file_name`s start.
        left_out: Photos whose record has a true field of this name are not looked at.
        least_area: Objects of fewer pixels are not looked at.
        every: Of a video, every so many frames are looked at.

    Raises:
        InputError: A file is missing or cannot be read.
    """
    data = read_annotation_file(annotations)
    try:
        names = {entry["id"]: entry["name"] for entry in data["categories"]}
        found = _frames(data, folder, every) if "videos" in data else _photos(data, folder, left_out)
        photos = list(found)
    except (KeyError, TypeError) as error:
        raise InputError(f"{annotations} is no COCO or YouTube-VIS json: {error}") from None
    places = {category: place for place, category in enumerate(names)}
    features, labels, where = [], [], []
    for number, photo in enumerate(tqdm(photos, desc=annotations.name, unit="photo")):
        masks = photo.masks()
        pooled, seen = pool_objects(encoder, pixels, photo.path, masks)
        seen &= torch.from_numpy(masks.sum(axis=(1, 2)) >= least_area)
        features.append(pooled[seen])
        labels.append(torch.tensor([places[category] for category in photo.categories])[seen])
        where += [number] * int(seen.sum())
    if not where:
        raise InputError(f"{annotations} has no object that can be seen: give another file")
    return Objects(torch.cat(features), torch.cat(labels), torch.tensor(where), tuple(names.values()))


def pool_objects(encoder: ConSEEncoder, pixels: Pixels, path: Path, masks: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean dense features `(N, C)` of a photo's masks uint8 `(N, H, W)`, and whether each has a cell, bool `(N,)`.

    Masks reach the features' grid as predicted ones do: a quarter of the image's size, then bilinear, above zero.
    """
    try:
        picture = Image.open(path).convert("RGB")
    except OSError as error:
        raise InputError(f"cannot read the photo {path}: {error}") from None
    width, height = picture.size
    scale = min(SHORT_SIDE / min(width, height), LONG_SIDE / max(width, height))
    size = (round(height * scale), round(width * scale))
    values = np.asarray(picture.resize(size[::-1], Image.Resampling.BICUBIC), dtype=np.float32)
    image = torch.from_numpy((values - pixels.mean) / pixels.std).float().permute(2, 0, 1)
    padding = (0, -size[1] % 32, 0, -size[0] % 32)
    dense = encoder(F.pad(image.unsqueeze(0), padding)).dense
    inside = F.interpolate(torch.from_numpy(masks).float().unsqueeze(0), size, mode="bilinear", antialias=True)
    logits = F.avg_pool2d(F.pad(inside, padding), 4) - 0.5
    cells = F.interpolate(logits, dense.shape[-2:], mode="bilinear", align_corners=False) > 0
    return average_pool_masks(dense, cells)[0], cells[0].flatten(1).any(dim=1)


def _photos(data: dict, folder: Path, left_out: str | None) -> Iterator[AnnotatedPhoto]:
    objects: dict[int, list[dict]] = {}
    for entry in data["annotations"]:
        if not entry.get("iscrowd"):
            objects.setdefault(entry["image_id"], []).append(entry)
    for image in data["images"]:
        if image["id"] in objects and not (left_out and image.get(left_out)):
            yield AnnotatedPhoto(
                folder / image["file_name"],
                (image["height"], image["width"]),
                [entry["segmentation"] for entry in objects[image["id"]]],
                [entry["category_id"] for entry in objects[image["id"]]],
            )


def _frames(data: dict, folder: Path, every: int) -> Iterator[AnnotatedPhoto]:
    for video in data["videos"]:
        entries = [entry for entry in data["annotations"] if entry["video_id"] == video["id"]]
        for frame in range(0, len(video["file_names"]), every):
            visible = [entry for entry in entries if entry["segmentations"][frame]]
            if visible:
                yield AnnotatedPhoto(
                    folder / video["file_names"][frame],
                    (video["height"], video["width"]),
                    [entry["segmentations"][frame] for entry in visible],
                    [entry["category_id"] for entry in visible],
                )


def _decode(segmentation: dict | list, height: int, width: int) -> np.ndarray:
    """Polygons or runs, compressed or not, to a mask uint8 `(H, W)`."""
    if isinstance(segmentation, list):
        segmentation = rle_tools.merge(rle_tools.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        segmentation = rle_tools.frPyObjects(segmentation, height, width)
    return rle_tools.decode(segmentation)
