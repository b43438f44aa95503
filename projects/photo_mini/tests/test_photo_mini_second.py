"""The second edition of photo-mini: its photos, the photos held back, and clips made from photos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import image_json, write_images
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from clipvis_data.seeding import StreamIndex

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[1] / "configs"
FIRST = {
    "coco_full",
    "lvis_val100",
    "coco_traffic",
    "coco_pose",
    "coco_person",
    "feral_cat",
    "balloon",
}
MORE = {"food", "animals", "ccp", "pets", "plants"}
EXHAUSTIVE = {"coco_full", "food"}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Both folders of photos."""
    init_default_scope("mmdet")
    first, more = tmp_path / "photos", tmp_path / "photos_more"
    for variable, folder in (("CLIPVIS_PHOTOS", first), ("CLIPVIS_MORE_PHOTOS", more)):
        folder.mkdir()
        monkeypatch.setenv(variable, str(folder))
    return {**dict.fromkeys(FIRST, first), **dict.fromkeys(MORE, more)}


@pytest.fixture
def photos(folders):
    """Four small photos a source, of which one has no object."""
    for name, folder in folders.items():
        data = image_json()
        for image in data["images"]:
            image["file_name"] = f"{name}/{image['file_name']}"
        write_images(folder, data, f"annotations/{name}.json")


def read(name):
    return Config.fromfile(FOLDER / f"photo_mini_{name}.py")


@pytest.mark.parametrize("name", ["second", "second_end"])
def test_what_is_exhaustive_and_what_is_left_out(folders, name):
    sources = read(name).train_dataloader.dataset.dataset.datasets
    assert {Path(source.ann_file).stem for source in sources} == FIRST | MORE
    for source in sources:
        stem = Path(source.ann_file).stem
        assert source.data_root == str(folders[stem])
        assert source.exhaustive is (stem in EXHAUSTIVE)
        assert source.leave_out == "in_tinycoco"
        assert source.leave_out_ids == (list(range(8, 485, 8)) if stem == "coco_full" else [])


def test_a_held_back_photo_is_not_in_the_set(photos, folders):
    path = folders["coco_full"] / "annotations/coco_full.json"
    data = json.loads(path.read_text())
    ids = {record["id"]: 8 * place for place, record in enumerate(data["images"], start=1)}
    for record in data["images"][:3]:
        record["id"] = ids[record["id"]]
    for annotation in data["annotations"]:
        annotation["image_id"] = ids[annotation["image_id"]] if annotation["image_id"] < 13 else 13
    path.write_text(json.dumps(data))
    (source, *_) = [
        source
        for source in read("second").train_dataloader.dataset.dataset.datasets
        if source.ann_file == "annotations/coco_full.json"
    ]
    dataset = DATASETS.build(source)
    assert [dataset.get_data_info(i)["img_id"] for i in range(len(dataset))] == [13]


def test_both_parts_are_one_network(folders):
    image, end = read("second").model, read("second_end").model
    for part in ("backbone", "head", "criterion"):
        assert image[part] == end[part]


def test_the_second_part_shows_clips(photos):
    dataset = DATASETS.build(read("second_end").train_dataloader.dataset)
    for index in range(0, len(dataset), 7):
        sample = dataset[StreamIndex(index, 0, index)]
        assert tuple(sample["inputs"].shape) == (2, 3, 256, 256)
        first, second = (f.gt_instances for f in sample["data_samples"].video_data_samples)
        assert len(first.instances_ids) == len(second.instances_ids)
        assert isinstance(sample["data_samples"].metainfo["exhaustive"], bool)
