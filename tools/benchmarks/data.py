"""Training pipelines: images a second on one core, and the memory an annotation file takes in
workers."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

SIZE = 1024
PICTURES = 30


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
        from . import data_memory

        return data_memory.run(args.videos, args.workers)
    if bool(args.images) != bool(args.annotations):
        from clipvis_core.foundation.errors import InputError

        raise InputError("--images and --annotations go together: give both, or neither")
    if args.images:
        return compare_pipelines(Path(args.images), Path(args.annotations), args.rounds)
    from .data_photos import write_photos

    with tempfile.TemporaryDirectory() as folder:
        return compare_pipelines(*write_photos(Path(folder), PICTURES), args.rounds)


def compare_pipelines(images: Path, annotations: Path, rounds: int) -> dict:
    """Our large scale jitter beside mmdet's stock one, turn by turn in one process on one core.

    Args:
        images: Folder of photos.
        annotations: Their COCO json.
        rounds: Passes over the photos; the median pass counts.
    """
    import cv2
    import numpy as np
    import torch
    from mmengine.registry import init_default_scope

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

    The stock one is that of mmdet's large scale jitter configs at their default settings: OpenCV
    without antialiasing, polygons rasterised before the resize, padding left to the model.
    """
    from mmdet.registry import DATASETS

    import clipvis_data.datasets  # noqa: F401  (registers our parts)

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
