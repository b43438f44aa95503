"""The COCO and LVIS readers."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from builders import image_json, save_picture, write_images, write_json
from mmdet.registry import DATASETS
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError

PIPELINE = [{"type": "LoadRGBImage"}, {"type": "LargeScaleJitter", "size": (32, 32)}, {"type": "mmdet.PackDetInputs"}]


def build(root, kind="CocoInstanceDataset", **kwargs):
    config = {
        "type": kind,
        "data_root": str(root),
        "ann_file": "instances.json",
        "data_prefix": {"img": "images"},
        **kwargs,
    }
    return DATASETS.build(config)


@pytest.fixture
def data():
    return image_json()


def test_records_have_mmdets_form(tmp_path, data):
    data["images"].reverse()
    write_images(tmp_path, data)
    dataset = build(tmp_path)
    assert [dataset.get_data_info(i)["img_id"] for i in range(4)] == [10, 11, 12, 13]
    record = dataset.get_data_info(3)
    assert (record["height"], record["width"]) == (30, 40)
    assert [i["bbox_label"] for i in record["instances"]] == [0, 1, 2, 0]
    assert record["instances"][1]["bbox"] == [8, 4, 16, 13]
    crowd = record["instances"][3]
    assert crowd["ignore_flag"] == 1
    assert mask_api.area(crowd["mask"]) == 20
    assert dataset.get_cat_ids(3) == [0, 1, 2]
    assert dataset.metainfo["classes"] == ("dog", "cat", "emu")
    assert dataset.metainfo["ann_file"] == str(tmp_path / "instances.json")


def test_an_item_for_training(tmp_path, data):
    write_images(tmp_path, data)
    np.random.seed(1)
    item = build(tmp_path, pipeline=PIPELINE)[3]
    assert item["inputs"].shape == (3, 32, 32)
    instances = item["data_samples"].gt_instances
    assert len(instances.masks) == len(instances.labels) == len(instances.bboxes)
    assert item["data_samples"].img_id == 13


def test_empty_images_leave_the_training_set_only(tmp_path, data):
    data["annotations"] = [a for a in data["annotations"] if a["id"] != 100]
    data["annotations"][-1]["image_id"] = 11  # image 11 has nothing but a crowd
    write_images(tmp_path, data)
    assert len(build(tmp_path)) == 4
    filtered = build(tmp_path, filter_cfg={"filter_empty_gt": True})
    assert [filtered.get_data_info(i)["img_id"] for i in range(len(filtered))] == [12, 13]
    assert len(build(tmp_path, filter_cfg={"filter_empty_gt": True}, test_mode=True)) == 4


def test_images_are_left_out_by_a_field(tmp_path, data):
    data["images"][1]["seen"] = True
    data["images"][2]["seen"] = False
    write_images(tmp_path, data)
    dataset = build(tmp_path, leave_out="seen")
    assert [dataset.get_data_info(i)["img_id"] for i in range(3)] == [10, 12, 13]
    assert [len(dataset.get_data_info(i)["instances"]) for i in range(3)] == [0, 2, 4]


def test_images_can_be_left_out_by_their_ids(tmp_path, data):
    data["images"][0]["seen"] = True
    write_images(tmp_path, data)
    dataset = build(tmp_path, leave_out="seen", leave_out_ids=[12, 99])
    assert [dataset.get_data_info(i)["img_id"] for i in range(len(dataset))] == [11, 13]


@pytest.mark.parametrize("exhaustive", [True, False])
def test_a_crowd_makes_an_image_not_exhaustive(tmp_path, data, exhaustive):
    write_images(tmp_path, data)
    dataset = build(tmp_path, exhaustive=exhaustive)
    flags = [dataset.get_data_info(i)["exhaustive"] for i in range(4)]
    assert flags == [exhaustive] * 3 + [False]


def test_nothing_to_train_on(tmp_path, data):
    data["annotations"] = []
    write_images(tmp_path, data)
    with pytest.raises(InputError, match=r"no image has an instance"):
        build(tmp_path, filter_cfg={"filter_empty_gt": True})


def test_null_boxes_are_measured(tmp_path, data):
    box = build(write_images(tmp_path, data).parent).get_data_info(1)["instances"][0]["bbox"]
    data["annotations"][0]["bbox"] = None
    write_json(tmp_path / "instances.json", data)
    assert build(tmp_path).get_data_info(1)["instances"][0]["bbox"] == box


def test_small_and_border_instances_are_kept(tmp_path, data):
    """mmdet's own reader drops boxes under a pixel and outside the image."""
    data["annotations"][0].update(bbox=[39.5, 4, 0.4, 9], area=0)
    write_images(tmp_path, data)
    assert len(build(tmp_path).get_data_info(1)["instances"]) == 1


def test_useless_polygons_are_left_out_of_coco(tmp_path, data):
    good = data["annotations"][1]["segmentation"][0]
    data["annotations"][1]["segmentation"] = [[1.0, 2.0], good]
    write_images(tmp_path, data)
    dataset = build(tmp_path)
    assert dataset.get_data_info(2)["instances"][0]["mask"] == [good]


def test_lvis_refuses_useless_polygons_and_leaves_crowds_out(tmp_path, data):
    write_images(tmp_path, data)
    assert len(build(tmp_path, "LVISInstanceDataset").get_data_info(3)["instances"]) == 3
    data["annotations"][0]["segmentation"] = [[1.0, 2.0, 3.0, 4.0]]
    write_json(tmp_path / "instances.json", data)
    with pytest.raises(InputError, match=r"\(id 100\): field 'segmentation' has a polygon of under 3"):
        build(tmp_path, "LVISInstanceDataset")


def test_no_rare_drops_annotations_and_keeps_categories(tmp_path, data):
    write_images(tmp_path, data)
    dataset = build(tmp_path, "LVISInstanceDataset", drop_frequencies=("r",))
    assert len(dataset) == 4
    assert len(dataset.metainfo["classes"]) == 3
    assert dataset.get_cat_ids(3) == [0, 1]
    with pytest.raises(InputError, match=r"frequencies are f, c and r"):
        build(tmp_path, "LVISInstanceDataset", drop_frequencies=("rare",))


def test_lvis_paths_come_from_the_url(tmp_path, data):
    for image in data["images"]:
        name = image.pop("file_name")
        save_picture(tmp_path / "images" / "train2017" / name, 30, 40)
        image["coco_url"] = f"http://images.cocodataset.org/train2017/{name}"
    write_json(tmp_path / "instances.json", data)
    dataset = build(tmp_path, "LVISInstanceDataset")
    assert dataset.get_data_info(0)["img_path"].endswith("images/train2017/000000000010.jpg")
    data["images"][0]["file_name"] = "COCO_train2014_000000000011.jpg"
    data["images"][1]["coco_url"] = "ftp://elsewhere/x.jpg"
    write_json(tmp_path / "instances.json", data)
    with pytest.raises(InputError, match=r"images\[1\] .*'coco_url' does not begin with"):
        build(tmp_path, "LVISInstanceDataset", check_files=False)
    del data["images"][1], data["annotations"][0]
    write_json(tmp_path / "instances.json", data)
    dataset = build(tmp_path, "LVISInstanceDataset", check_files=False)
    assert dataset.get_data_info(0)["img_path"].endswith("images/000000000011.jpg")


def test_real_coco(reference_dir):
    dataset = build(
        reference_dir / "samples" / "coco_tiny",
        ann_file="annotations/instances_train2017.json",
        data_prefix={"img": "images/train2017"},
        vocabulary="coco2017",
        pipeline=PIPELINE,
        filter_cfg={"filter_empty_gt": True},
    )
    assert len(dataset.metainfo["classes"]) == 80
    assert 25 < len(dataset) <= 32
    for index in range(len(dataset)):
        assert dataset[index]["inputs"].shape == (3, 32, 32)


def test_real_lvis_records(reference_dir):
    dataset = build(
        reference_dir / "samples" / "evaluator", "LVISInstanceDataset", ann_file="lvis_val_100.json", check_files=False
    )
    assert len(dataset) == 100
    without_rare = build(
        reference_dir / "samples" / "evaluator",
        "LVISInstanceDataset",
        ann_file="lvis_val_100.json",
        check_files=False,
        drop_frequencies=("r",),
    )
    counts = [sum(len(d.get_cat_ids(i)) for i in range(100)) for d in (dataset, without_rare)]
    assert counts[0] == 977 > counts[1]


FAULTS = {
    "no images": (["images"], None, r"has no list 'images'"),
    "no annotations": (["annotations"], None, r"has no list 'annotations'"),
    "duplicate image": (["images", 1, "id"], 10, r"images\[1\] \(id 10\): the id is already taken"),
    "duplicate annotation": (["annotations", 1, "id"], 100, r"already taken by annotations\[0\]"),
    "unknown image": (["annotations", 0, "image_id"], 5, r"'image_id' is 5, but there is no such"),
    "unknown category": (["annotations", 0, "category_id"], 8, r"'category_id' is 8, but there is no such category"),
    "ignored": (["annotations", 0, "ignore"], 1, r"field 'ignore' is set"),
    "box": (["annotations", 0, "bbox"], [1, 2, 3], r"'bbox' must be \[x, y, width, height\]"),
    "no masks": (["annotations", 0, "segmentation"], None, r"'segmentation' is missing"),
    "polygon of text": (["annotations", 0, "segmentation"], [["x"] * 6], r"not a list of numbers"),
    "crowd of another size": (
        ["annotations", -1, "segmentation", "size"],
        [40, 30],
        r"\(id 999\): field 'segmentation' is 40 x 30",
    ),
    "no useful polygon": (
        ["annotations", 0, "segmentation"],
        [[1.0, 2.0, 3.0, 4.0]],
        r"has a polygon of under 3 points",
    ),
    "half a point": (["annotations", 0, "segmentation"], [[1.0] * 7], r"has a polygon of 7 numbers"),
    "box of nan": (["annotations", 0, "bbox"], [float("nan"), 1, 2, 3], r"'bbox' must be"),
    "far away": (["annotations", 0, "segmentation"], [[0, 0, 1e9, 0, 5, 5]], r"far outside the image of 30 x 40"),
    "climbs out": (["images", 0, "file_name"], "../x.jpg", r"stay inside the data root"),
    "image bomb": (["images", 0, "width"], 10**8, r"is not one of an image"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damage_is_named_before_training_starts(tmp_path, fault):
    path, value, message = FAULTS[fault]
    data = copy.deepcopy(image_json())
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    write_json(tmp_path / "instances.json", data)
    with pytest.raises(InputError, match=message) as caught:
        build(tmp_path, check_files=False)
    assert "instances.json" in str(caught.value)


def test_missing_images_are_named_once_and_counted(tmp_path, data):
    write_images(tmp_path, data)
    (tmp_path / "images" / data["images"][2]["file_name"]).unlink()
    with pytest.raises(InputError, match=r"000000000012.jpg, named in .*json, does not exist"):
        build(tmp_path)
