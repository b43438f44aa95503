"""Photo-like pictures with polygon annotations, for benchmarks where no dataset is at hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 480, 640
OBJECTS = 7  # about COCO's mean


def write_photos(folder: Path, count: int) -> tuple[Path, Path]:
    """Writes `count` JPEG pictures and a COCO json with polygons of 40 corners.

    Returns:
        The folder of pictures and the json.
    """
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, count + 1):
        name = f"{number:04d}.jpg"
        coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(folder / name, quality=90)
        images.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for _ in range(OBJECTS):
            annotations.append(polygon_annotation(rng, len(annotations) + 1, number))
    path = folder / "instances.json"
    categories = [{"id": 1, "name": "person"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return folder, path


def polygon_annotation(rng: np.random.Generator, number: int, image: int) -> dict:
    """A ragged disc somewhere in the picture."""
    radius = rng.uniform(15, 120)
    x, y = rng.uniform(radius, WIDTH - radius), rng.uniform(radius, HEIGHT - radius)
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    reach = radius * rng.uniform(0.7, 1.0, len(angles))
    corners = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "segmentation": [corners.flatten().round(2).tolist()],
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top) * 0.6,
    }
