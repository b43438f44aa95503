"""What `browse_dataset.py` does once its arguments are read."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import cv2
import numpy as np
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tqdm import tqdm

import clipvis_data.datasets  # noqa: F401 - registers
from _run_config import override, parts_of
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole
from clipvis_data.drawing import draw_sample

ESCAPE = 27


def browse(args: argparse.Namespace) -> None:
    """Draws samples as the arguments of `browse_dataset.py` say.

    Raises:
        InputError: A config or data that cannot be used, or no place for the pictures.
    """
    if not Path(args.config).is_file():
        raise InputError(f"config {args.config} does not exist")
    init_default_scope("mmdet")
    with parts_of(args.config):
        config = Config.fromfile(args.config)
        override(config, args.cfg_options or [])
        loader = config.get(f"{args.split}_dataloader")
        if loader is None:
            raise InputError(f"{args.config} has no {args.split}_dataloader")
        np.random.seed(args.seed)
        dataset = DATASETS.build(loader.dataset)
    names = dataset.metainfo["classes"]
    order = np.random.permutation(len(dataset)) if args.shuffle else range(len(dataset))
    chosen = list(itertools.islice(order, args.number))
    for index in tqdm(chosen, unit="sample", delay=2):
        sample = dataset[int(index)]
        for frame, picture in enumerate(draw_sample(sample, names)):
            name = f"{int(index):06d}_{frame:03d}"
            if args.out_dir:
                save(picture, Path(args.out_dir), name)
            elif not show(picture, name):
                return
    if args.out_dir:
        print(f"{len(chosen)} samples drawn to {args.out_dir}")


def save(picture: np.ndarray, folder: Path, name: str) -> None:
    """Writes a (H, W, 3) RGB picture as PNG."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from None
    write_whole(cv2.imencode(".png", picture[..., ::-1])[1].tobytes(), folder / f"{name}.png")


def show(picture: np.ndarray, title: str) -> bool:
    """Shows a picture until a key is pressed; False for Escape."""
    try:
        cv2.imshow("clipvis", np.ascontiguousarray(picture[..., ::-1]))
        cv2.setWindowTitle("clipvis", title)
        return cv2.waitKey(0) != ESCAPE
    except cv2.error:
        raise InputError("there is no display to show pictures on; give --out-dir") from None
