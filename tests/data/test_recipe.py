"""The recipe of docs/data.md, "Your own videos in one config", as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders import video_json, write_json, write_videos
from mmdet.registry import METRICS
from mmengine.config import Config
from mmengine.runner import Runner

from clipvis_core.foundation.records import read_annotation_file
from clipvis_eval.track_ap import evaluate_files


@pytest.fixture
def config(tmp_path, repo_root, monkeypatch):
    """The config of the document, with the files it names."""
    monkeypatch.chdir(tmp_path)
    data = video_json(num_videos=3)
    write_videos(tmp_path / "my_videos", data, name="train.json")
    write_json(tmp_path / "my_videos" / "val.json", data)
    (tmp_path / "my_videos" / "JPEGImages").rename(tmp_path / "my_videos" / "frames")
    (tmp_path / "my_videos" / "words.txt").write_text("dog, puppy\ncat\n")
    (tmp_path / "configs").symlink_to(repo_root / "configs")
    document = (repo_root / "docs" / "data.md").read_text()
    section = document.split("## Your own videos in one config")[1].split("\n## ")[0]
    (recipe,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    overrides = [line for line in recipe.splitlines() if line and not line.startswith("_base_")]
    assert len(overrides) == 4
    (tmp_path / "mine.py").write_text(recipe)
    return Config.fromfile(tmp_path / "mine.py")


def small(loader):
    """The loader in this process, at a size a test can afford."""
    loader.update(num_workers=0, persistent_workers=False)
    for step in loader.dataset.pipeline:
        for inner in step.get("transforms", ()):
            if inner.type == "ResizeFrame":
                inner.short_sides = 32
    return loader


def test_train_and_test_loaders(config):
    train = Runner.build_dataloader(small(config.train_dataloader), seed=0)
    batch = next(iter(train))
    assert [tuple(clip.shape) for clip in batch["inputs"]] == [(1, 3, 32, 48)] * 2
    assert train.dataset.metainfo["prompts"] == (("dog", "puppy"), ("cat",))
    test = Runner.build_dataloader(small(config.test_dataloader), seed=0)
    videos = [sample["data_samples"][0].video_id for sample in test]
    assert videos == [1, 2, 3]


def test_evaluation(config):
    """The ground truth itself, handed over as predictions, scores 1."""
    metric = METRICS.build(config.val_evaluator)
    metric.dataset_meta = Runner.build_dataloader(small(config.val_dataloader)).dataset.metainfo
    assert metric.ann_file == "my_videos/val.json"
    truth = read_annotation_file(metric.ann_file)
    results = [
        {
            "video_id": track["video_id"],
            "category_id": track["category_id"],
            "score": 0.9,
            "segmentations": track["segmentations"],
        }
        for track in truth["annotations"]
        if not track["iscrowd"]
    ]
    path = write_json(Path("results.json"), results)
    outcome = evaluate_files(metric.ann_file, path, benchmark=metric.benchmark)
    assert outcome.metrics["AP"] == pytest.approx(1.0)
