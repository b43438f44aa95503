"""Small datasets written to disk, sound ones, for tests to use or to damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as mask_api


def save_picture(path: Path, height: int, width: int, seed: int = 0) -> None:
    """Writes a smooth random picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)


def encode_box(height: int, width: int, x: int, y: int, w: int, h: int) -> dict:
    """Compressed RLE of a filled rectangle, as it stands in a json."""
    mask = np.zeros((height, width), np.uint8, order="F")
    mask[y : y + h, x : x + w] = 1
    rle = mask_api.encode(mask)
    return {"size": [height, width], "counts": rle["counts"].decode()}


def video_json(num_videos: int = 3, length: int = 4, height: int = 32, width: int = 48) -> dict:
    """A YouTube-VIS json: two tracks a video, the second absent from the first frame, one crowd."""
    videos, annotations = [], []
    for v in range(1, num_videos + 1):
        names = [f"video{v}/{t:05d}.jpg" for t in range(length)]
        videos.append({"id": v, "height": height, "width": width, "length": length, "file_names": names})
        for k in range(2):
            rles = [encode_box(height, width, 4 + 10 * k + t, 5, 8, 6 + k) for t in range(length)]
            boxes = [[4 + 10 * k + t, 5, 8, 6 + k] for t in range(length)]
            if k == 1:
                rles[0] = boxes[0] = None
            annotations.append(
                {
                    "id": 2 * v + k,
                    "video_id": v,
                    "category_id": 1 + (v + k) % 2,
                    "iscrowd": int(v == 3 and k == 1),
                    "segmentations": rles,
                    "bboxes": boxes,
                    "areas": [None if rle is None else 8 * (6 + k) for rle in rles],
                    "height": height,
                    "width": width,
                    "length": length,
                }
            )
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    return {"videos": videos, "annotations": annotations, "categories": categories}


def write_videos(root: Path, data: dict, name: str = "instances.json") -> Path:
    """Writes a video json and its frames (below `root`/JPEGImages)."""
    for video in data["videos"]:
        for t, file_name in enumerate(video["file_names"]):
            path = root / "JPEGImages" / file_name.replace("\\", "/")
            save_picture(path, video["height"], video["width"], seed=t)
    return write_json(root / name, data)


def image_json(num_images: int = 4, height: int = 30, width: int = 40) -> dict:
    """A COCO json: image i has i instances (polygons), the last image a crowd (RLE list) as
    well."""
    images, annotations = [], []
    for i in range(num_images):
        images.append({"id": 10 + i, "file_name": f"{10 + i:012d}.jpg", "height": height, "width": width})
        for k in range(i):
            x, y, w, h = 3 + 5 * k, 4, 8, 9
            polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
            annotations.append(
                {
                    "id": 100 * i + k,
                    "image_id": 10 + i,
                    "category_id": 1 + k,
                    "iscrowd": 0,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "segmentation": [[float(value) for value in polygon]],
                }
            )
    crowd = {"size": [height, width], "counts": [5, 20, height * width - 25]}
    annotations.append(
        {
            "id": 999,
            "image_id": images[-1]["id"],
            "category_id": 1,
            "iscrowd": 1,
            "bbox": [0, 5, 1, 20],
            "area": 20,
            "segmentation": crowd,
        }
    )
    categories = [
        {"id": i + 1, "name": name, "frequency": frequency}
        for i, (name, frequency) in enumerate([("dog", "f"), ("cat", "c"), ("emu", "r")])
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_images(root: Path, data: dict, name: str = "instances.json") -> Path:
    """Writes an image json and its pictures (below `root`/images)."""
    for i, image in enumerate(data["images"]):
        save_picture(root / "images" / image["file_name"], image["height"], image["width"], seed=i)
    return write_json(root / name, data)


def write_json(path: Path, data: object) -> Path:
    """Writes an object as json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path
