"""photo-mini's configs: which photos may punish an unmatched query, and one network for photos and videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import image_json, write_images
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from clipvis_data.seeding import StreamIndex

FOLDER = Path(__file__).resolve().parents[1] / "configs"
SOURCES = ("coco_full", "lvis_val100", "coco_traffic", "coco_pose", "coco_person", "feral_cat", "balloon")


@pytest.fixture
def image_config(tmp_path, monkeypatch):
    init_default_scope("mmdet")
    monkeypatch.setenv("CLIPVIS_PHOTOS", str(tmp_path))
    return Config.fromfile(FOLDER / "photo_mini_image.py")


def test_only_one_source_is_exhaustive_and_the_measured_photos_are_left_out(image_config):
    sources = image_config.train_dataloader.dataset.dataset.datasets
    assert {Path(source.ann_file).stem for source in sources} == set(SOURCES)
    for source in sources:
        assert source.exhaustive is (Path(source.ann_file).stem == "coco_full")
        assert source.leave_out == "in_tinycoco"


def test_both_models_are_one_network(image_config):
    video = Config.fromfile(FOLDER / "photo_mini_video.py").model
    for part in ("backbone", "head"):
        assert video[part] == image_config.model[part]
    for key in ("mean", "std", "bgr_to_rgb", "pad_size_divisor"):
        assert video.data_preprocessor[key] == image_config.model.data_preprocessor[key]


def test_the_training_set_reads(image_config, tmp_path):
    for name in SOURCES:
        data = image_json()
        for image in data["images"]:
            image["file_name"] = f"{name}/{image['file_name']}"
        data["images"][-2]["in_tinycoco"] = True  # the one with two objects
        write_images(tmp_path, data, f"annotations/{name}.json")
    dataset = DATASETS.build(image_config.train_dataloader.dataset)
    times = len(image_config.train_dataloader.dataset.dataset.datasets)
    assert len(dataset) == 2 * times  # of four images, one has no object and one is measured on
    samples = [dataset[StreamIndex(i, 0, i)] for i in range(len(dataset))]
    assert {tuple(sample["inputs"].shape) for sample in samples} == {(3, 256, 256)}
    masks = [sample["data_samples"].gt_instances.masks.masks for sample in samples]
    assert all((m.sum(axis=(1, 2)) >= 100).all() for m in masks)
    assert max(map(len, masks)) > 0
    # The last image of each source has a crowd, the other may be exhaustive.
    flags = np.array([sample["data_samples"].exhaustive for sample in samples])
    assert flags.sum() == 3
