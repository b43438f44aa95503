"""Training pipelines: images a second on one core, and the memory an annotation file takes in workers."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope
from PIL import Image

import clipvis_data.datasets  # noqa: F401 - registers
from benchmarks import data_memory
from clipvis_core.foundation.errors import InputError

SIZE = 1024
PICTURES = 30
HEIGHT, WIDTH = 480, 640
OBJECTS = 7  # about COCO's mean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `tools/benchmark.py data`."""
    parser.add_argument("--images", help="folder of COCO photos (default: generated pictures)")
    parser.add_argument("--annotations", help="their COCO json")
    parser.add_argument("--rounds", type=int, default=5, help="passes over the photos, each")
    parser.add_argument("--memory", action="store_true", help="measure a 5,000-video json instead")
    parser.add_argument("--videos", type=int, default=5000, help="videos of the json for --memory")
    parser.add_argument("--workers", type=int, default=4, help="worker processes for --memory")


def run(args: argparse.Namespace) -> dict:
    """Measures and returns the figures."""
    if args.memory:
        return data_memory.run(args.videos, args.workers)
    if bool(args.images) != bool(args.annotations):
        raise InputError("--images and --annotations go together: give both, or neither")
    if args.images:
        return compare_pipelines(Path(args.images), Path(args.annotations), args.rounds)
    with tempfile.TemporaryDirectory() as folder:
        return compare_pipelines(*write_photos(Path(folder), PICTURES), args.rounds)


def compare_pipelines(images: Path, annotations: Path, rounds: int) -> dict:
    """Our large scale jitter beside mmdet's stock one, in turn on one core; the median pass counts."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    init_default_scope("mmdet")
    datasets = {name: build(name, images, annotations) for name in ("ours", "stock")}
    seconds: dict[str, list[float]] = {name: [] for name in datasets}
    for round_number in range(rounds + 1):  # the first pass warms the file cache
        for name, dataset in datasets.items():
            np.random.seed(round_number)
            start = time.process_time()
            for index in range(len(dataset)):
                dataset[index]
            seconds[name].append(time.process_time() - start)
    count = len(datasets["ours"])
    rates = {name: count / statistics.median(times[1:]) for name, times in seconds.items()}
    return {
        "photos": count,
        "size": SIZE,
        "rounds": rounds,
        "ours_images_per_second": rates["ours"],
        "mmdet_stock_images_per_second": rates["stock"],
        "ours_over_stock": rates["ours"] / rates["stock"],
    }


def build(name: str, images: Path, annotations: Path) -> object:
    """A training dataset of the same photos with our pipeline ("ours") or mmdet's ("stock").

    The stock one is that of mmdet's large scale jitter configs at their default settings: OpenCV without antialiasing,
    polygons rasterised before the resize, padding left to the model.
    """
    common = {
        "ann_file": str(annotations.resolve()),
        "data_prefix": {"img": f"{images.resolve()}/"},
        "filter_cfg": {"filter_empty_gt": True},
    }
    if name == "ours":
        pipeline = [
            {"type": "LoadRGBImage"},
            {"type": "LargeScaleJitter", "size": (SIZE, SIZE)},
            {"type": "PackDetInputs"},
        ]
        return DATASETS.build({"type": "CocoInstanceDataset", "pipeline": pipeline, **common})
    pipeline = [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True},
        {"type": "RandomResize", "scale": (SIZE, SIZE), "ratio_range": (0.1, 2.0), "keep_ratio": True},
        {
            "type": "RandomCrop",
            "crop_type": "absolute",
            "crop_size": (SIZE, SIZE),
            "recompute_bbox": True,
            "allow_negative_crop": True,
        },
        {"type": "FilterAnnotations", "min_gt_bbox_wh": (1e-2, 1e-2), "keep_empty": False},
        {"type": "RandomFlip", "prob": 0.5},
        {"type": "PackDetInputs"},
    ]
    return DATASETS.build({"type": "CocoDataset", "pipeline": pipeline, **common})


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
