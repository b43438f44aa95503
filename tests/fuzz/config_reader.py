"""Configs with faults in any part, read as inference, testing and training read them, up to the first iteration."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import mmengine.config.config
import numpy as np
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from mutations import mutated, mutated_bytes, mutated_text

from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.models.own_architectures import open_clip

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT)]

import _testing  # noqa: E402 - a program of tools/
import _training  # noqa: E402
from _run_config import parts_of  # noqa: E402
from clipvis_train.launching import process_group  # noqa: E402

HEIGHT, WIDTH = 48, 64
#: A network that is built in milliseconds.
TINY = {
    "model.backbone.model_name": "clip-mite",
    "model.head.channels": 8,
    "model.head.num_heads": 2,
    "model.head.pixel_decoder": {"num_layers": 1, "ffn_channels": 8, "norm_groups": 2},
    "model.head.query_decoder": {"num_layers": 1, "ffn_channels": 8, "num_queries": 4},
    "train_cfg.max_iters": 4,
}
MITE = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 4, "patch_size": None},
    "text_cfg": {"context_length": 77, "vocab_size": 514, "width": 8, "heads": 1, "layers": 1},
}
OPTIONS = (
    *("train_dataloader.batch_size=2", "model.topk=7", "randomness.seed=3", "custom_hooks.0.type=EMAHook"),
    *("model.head.query_decoder.num_queries=5", "optim_wrapper.optimizer.lr=0.1", "load_from=[1,2]"),
    *('val_evaluator.benchmark="ovis"', "param_scheduler.1.milestones=[2,3]", "test_dataloader=None"),
)


@cache
def _content() -> dict:
    """The config of `configs/quick/clips.py` on data that is there, with the tiny network."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz_config_"))
    (folder / "architectures").mkdir()
    (folder / "architectures/clip-mite.json").write_text(json.dumps(MITE))
    open_clip.add_model_config(folder / "architectures")
    names = [f"v/{t}.png" for t in range(2)]
    (folder / "JPEGImages/v").mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / "JPEGImages" / name), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    size = {"height": HEIGHT, "width": WIDTH}
    mask = {"size": [HEIGHT, WIDTH], "counts": [40, HEIGHT * WIDTH - 40]}
    track = {"id": 1, "video_id": 1, "category_id": 1, "iscrowd": 0, "segmentations": [mask] * 2, "areas": [40, 40]}
    content = {
        "videos": [{"id": 1, "file_names": names, "length": 2, **size}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [track | {**size, "bboxes": [[0, 0, 2, 2]] * 2}],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    config = Config.fromfile(ROOT / "configs/quick/clips.py", import_custom_modules=False)
    loaders = [f"{split}_dataloader" for split in ("train", "val", "test")]
    config.merge_from_dict(TINY | {f"{loader}.dataset.data_root": str(folder) for loader in loaders})
    config.merge_from_dict({f"{loader}.num_workers": 0 for loader in loaders})
    mmengine.config.config.FormatCode = lambda text, **_: (
        text,
        True,
    )  # of logs: most of the time
    return config.to_dict()


def config(generator: random.Random, folder: Path) -> None:
    """Faults in values, in the text, and in `--cfg-options`."""
    place = folder / "a/b/c/d"  # paths that lead upwards stay in the folder
    place.mkdir(parents=True)
    os.chdir(place)
    content = _content()
    options = [generator.choice(OPTIONS)] if generator.random() < 0.3 else []
    if options and generator.random() < 0.7:
        options = [mutated_text(option, generator) for option in options]
    else:
        content = mutated(content, generator)
    text = "".join(f"{name} = {value!r}\n" for name, value in content.items())
    text = text.replace("= nan", "= float('nan')").replace(": nan", ": float('nan')")
    text = text.replace("= inf", "= float('inf')").replace(": inf", ": float('inf')")
    if generator.random() < 0.1:
        text = mutated_bytes(text.encode(), generator).decode("utf-8", "replace")
    (place / "config.py").write_text(text)
    READS[generator.choice(list(READS))](place, options)


def _infer(place: Path, options: list[str]) -> None:
    CLIPVISInferencer(place / "config.py", None, vocabulary=["dog"], contrast=None, device="cpu")


def _test(place: Path, options: list[str]) -> None:
    weights = place / "weights.pth"
    weights.touch()
    given = {"checkpoint": str(weights), "dtype": "float32", "format_only": False, "resume": False}
    _built(_testing.configure, lambda config: Runner.from_cfg(config).test_loop, place, options, given)


def _train(place: Path, options: list[str]) -> None:
    given = {"resume": None, "amp": False, "amp_dtype": None, "auto_scale_lr": False, "tensorboard": False}
    _built(_training.configure, lambda config: _training.build_parts(RUNNERS.build(config)), place, options, given)


def _built(configure: Callable, build: Callable, place: Path, options: list[str], given: dict) -> None:
    path = str(place / "config.py")
    args = argparse.Namespace(config=path, cfg_options=options, work_dir="work", launcher="none", **given)
    with parts_of(path):
        config = configure(args)
    config.experiment_name = str(place)  # by which mmengine tells the visualizers of one process apart
    with process_group(config), parts_of(path):
        build(config)


READS = {"infer": _infer, "test": _test, "train": _train}
