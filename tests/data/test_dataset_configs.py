"""Each dataset config builds from files laid out as the benchmark publishes them."""

from __future__ import annotations

import pytest
from builders import image_json, save_picture, video_json, write_json
from mmdet.registry import DATASETS, METRICS
from mmengine.config import Config
from mmengine.runner import Runner

import clipvis_eval.metrics  # noqa: F401

VIDEO_SETS = {
    "ytvis2019": [("train.json", "train/JPEGImages"), ("valid.json", "valid/JPEGImages")],
    "ytvis2021": [("train.json", "train/JPEGImages"), ("valid.json", "valid/JPEGImages")],
    "ovis": [("annotations_train.json", "train"), ("annotations/annotations_valid.json", "valid")],
    "lvvis": [("train/train_ytvis_style.json", "train/JPEGImages"), ("val/val_instances_.json", "val/JPEGImages")],
    "burst": [None, ("b2y_val.json", "val")],
}
IMAGE_SETS = {
    "coco": [
        ("coco/annotations/instances_train2017.json", "coco/train2017"),
        ("coco/annotations/instances_val2017.json", "coco/val2017"),
    ],
    "lvis_norare": [("lvis/lvis_v1_train.json", "coco"), ("lvis/lvis_v1_val.json", "coco")],
}


@pytest.fixture
def load(tmp_path, repo_root, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    return lambda name: Config.fromfile(repo_root / "configs/_base_/datasets" / f"{name}.py")


def lay_out_videos(root, json_name, folder, *, annotated):
    data = video_json(num_videos=2)
    del data["categories"]
    if not annotated:
        del data["annotations"]
    for video in data["videos"]:
        for name in video["file_names"]:
            save_picture(root / folder / name, 32, 48)
    write_json(root / json_name, data)


@pytest.mark.parametrize("name", VIDEO_SETS)
def test_video_sets(tmp_path, load, name):
    train, valid = VIDEO_SETS[name]
    if train:
        lay_out_videos(tmp_path / name, *train, annotated=True)
    lay_out_videos(tmp_path / name, *valid, annotated=False)
    config = load(name)
    if train:
        item = DATASETS.build(config.train_dataloader.dataset)[0]
        assert item["inputs"].shape == (1, 3, 800, 1200)
    dataset = DATASETS.build(config.test_dataloader.dataset)
    assert dataset.metainfo["dataset_name"] == name
    frames = dataset[0]["inputs"]
    assert (len(frames), *frames[0].shape) == (4, 3, 480, 720)
    assert METRICS.build(config.val_evaluator).benchmark == name


def test_the_lvvis_test_set_needs_no_json(tmp_path, load):
    save_picture(tmp_path / "lvvis/test/JPEGImages/00000/00001.jpg", 32, 48)
    dataset = DATASETS.build(load("lvvis_test").test_dataloader.dataset)
    assert len(dataset.metainfo["classes"]) == 1196
    assert dataset[0]["data_samples"].video_id == 0


@pytest.mark.parametrize("name", IMAGE_SETS)
def test_image_sets(tmp_path, load, name):
    for json_name, folder in IMAGE_SETS[name]:
        data = image_json()
        del data["categories"]
        for image in data["images"]:
            save_picture(tmp_path / folder / image["file_name"], 30, 40)
        write_json(tmp_path / json_name, data)
    config = load(name)
    config.train_dataloader.update(num_workers=0, persistent_workers=False)
    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    assert len(loader.dataset) == 3  # the image without instances is left out
    batch = next(iter(loader))
    assert [tuple(image.shape) for image in batch["inputs"]] == [(3, 1024, 1024)] * 2
    item = DATASETS.build(config.val_dataloader.dataset)[0]
    assert item["inputs"].shape == (3, 800, 1067)
    assert item["data_samples"].scale_factor == (1067 / 40, 800 / 30)
