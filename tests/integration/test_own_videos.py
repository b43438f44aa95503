"""The recipe of docs/data.md with the real model: train, resume, test and evaluate on one's own videos."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core.checkpoints import to_official
from clipvis_core.inference import build_model

pytestmark = pytest.mark.slow

#: A network and a schedule that a test can afford; everything else is the recipe.
SMALL = [
    "model.head.query_decoder.num_layers=2",
    "model.head.query_decoder.num_queries=8",
    "model.criterion.num_points=64",
    "train_dataloader.dataset.pipeline.2.transforms.1.short_sides=64",
    "train_dataloader.num_workers=1",
    "test_dataloader.dataset.pipeline.0.transforms.1.short_sides=64",
    "val_dataloader.dataset.pipeline.0.transforms.1.short_sides=64",
    "default_hooks.checkpoint.interval=1",
    "default_hooks.logger.interval=1",
    "train_cfg.val_interval=100",
]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, repo_root):
    """A folder with videos, words and the document's config."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    videos, annotations = [], []
    for video in (1, 2, 3):
        names = [f"v{video}/{t}.png" for t in range(3)]
        segments = []
        for t, name in enumerate(names):
            path = folder / "my_videos/frames" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
            mask = np.zeros((64, 96), np.uint8, order="F")
            mask[10:40, 5 + 8 * t : 40 + 8 * t] = 1
            picture[mask > 0] = (200, 40, 40)
            Image.fromarray(picture).save(path)
            record = coco_mask.encode(mask)
            segments.append({"size": record["size"], "counts": record["counts"].decode()})
        videos.append({"id": video, "height": 64, "width": 96, "length": 3, "file_names": names})
        annotations.append(
            {
                "id": video,
                "video_id": video,
                "category_id": 1,
                "iscrowd": 0,
                "segmentations": segments,
                "bboxes": [[5 + 8 * t, 10, 35, 30] for t in range(3)],
                "areas": [35 * 30] * 3,
            }
        )
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "frisbee"}]
    text = json.dumps({"videos": videos, "annotations": annotations, "categories": categories})
    for name in ("train.json", "val.json"):
        (folder / "my_videos" / name).write_text(text)
    (folder / "my_videos/words.txt").write_text("dog, puppy\nfrisbee\n")
    (folder / "configs").symlink_to(repo_root / "configs")
    section = (repo_root / "docs/data.md").read_text().split("## Your own videos in one config")[1]
    (folder / "mine.py").write_text(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1])
    return folder


@pytest.fixture(scope="module")
def run(workplace, repo_root):
    """Runs a tool in the folder; returns its output."""
    environment = {**os.environ, "CLIPVIS_CACHE": str(workplace / "cache"), "OMP_NUM_THREADS": "2"}

    def call(tool: str, *arguments: str, expect: int = 0) -> str:
        command = [sys.executable, str(repo_root / "tools" / tool), *map(str, arguments)]
        result = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True, check=False)
        output = result.stdout + result.stderr
        assert result.returncode == expect, output
        return output

    return call


@pytest.fixture(scope="module")
def initial(workplace):
    """An official checkpoint of the small network."""
    from mmengine.config import Config

    config = Config.fromfile(workplace / "configs/video/clipvis_r50_own.py")
    config.merge_from_dict(dict(option.split("=") for option in SMALL[:2]))
    config.model.head.query_decoder.num_layers = 2
    config.model.head.query_decoder.num_queries = 8
    path = workplace / "initial.pth"
    torch.save({"model": to_official(build_model(config, None).state_dict())}, path)
    return path


@pytest.fixture(scope="module")
def trained(run, initial):
    """The output of two undisturbed iterations, validation included."""
    return run(
        "train.py", "mine.py", "--work-dir", "whole", "--cfg-options", *SMALL, f"load_from={initial}",
        "train_cfg.max_iters=2",
    )  # fmt: skip


def test_training_starts_from_an_official_checkpoint(trained, workplace):
    assert "RN50 with 2 decoder layers" in trained
    assert "loading CLIP weights" not in trained
    before = torch.load(workplace / "initial.pth", weights_only=True)["model"]
    from clipvis_core.checkpoints import model_state, read_checkpoint

    after = to_official(model_state(read_checkpoint(workplace / "whole/iter_2.pth")))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("sem_seg_head.") for name in moved), "CLIP is frozen"


def test_validation_evaluates_the_users_own_annotations(trained):
    assert "ytvis2019/AP:" in trained


def test_resumed_training_goes_on(run, trained, workplace):
    arguments = ("mine.py", "--cfg-options", *SMALL)
    output = run("train.py", *arguments, "train_cfg.max_iters=3", "--work-dir", "whole", "--resume")
    assert "resumed epoch: 0, iter: 2" in output
    assert (workplace / "whole/iter_3.pth").is_file()


def test_testing_writes_results_and_numbers(run, trained, workplace):
    run("test.py", "mine.py", "whole/iter_2.pth", "--work-dir", "tested", "--cfg-options", *SMALL)
    records = json.loads((workplace / "tested/results.json").read_text())
    assert {record["video_id"] for record in records} == {1, 2, 3}
    assert {record["category_id"] for record in records} == {1, 2}
    assert all(len(record["segmentations"]) == 3 for record in records)
    metrics = json.loads((workplace / "tested/metrics.json").read_text())["metrics"]
    assert 0 <= metrics["AP"] <= 1

    output = run(
        "evaluate.py", "--benchmark", "ytvis2019", "--gt", "my_videos/val.json", "--results", "tested/results.json",
        "--out", "again.json",
    )  # fmt: skip
    assert "AP" in output
    assert json.loads((workplace / "again.json").read_text())["metrics"] == metrics


def test_mistakes_are_one_line(run, workplace):
    output = run("train.py", "none.py", expect=2)
    remedy = "give a file, or a name such as video/clipvis_r50_lvis"
    assert output.strip().splitlines()[-1] == f"error: config none.py not found: {remedy}"
    output = run("train.py", "configs/video/clipvis_r50_lvis.py", expect=2)
    assert "no training schedule" in output
    (workplace / "my_videos/frames/v2/1.png").rename(workplace / "hidden.png")
    try:
        output = run("train.py", "mine.py", "--work-dir", "failed", "--cfg-options", *SMALL, expect=2)
    finally:
        (workplace / "hidden.png").rename(workplace / "my_videos/frames/v2/1.png")
    assert "v2/1.png" in output
    assert "Traceback" not in output
