"""lvis-norare and burst-to-ytvis."""

from __future__ import annotations

import json

import pytest
from builders import encode_box, image_json, save_picture, write_json
from mmdet.registry import DATASETS

from clipvis_core.foundation.errors import InputError
from clipvis_data.datasets import VideoInstanceDataset
from clipvis_data.preparation import burst_to_ytvis, drop_rare_annotations


def test_rare_annotations_are_dropped_and_nothing_else(tmp_path):
    data = image_json()
    path = write_json(tmp_path / "lvis_v1_train.json", data)
    target, dropped = drop_rare_annotations(path)
    assert target == tmp_path / "lvis_v1_train_norare.json"
    assert dropped == 1
    result = json.loads(target.read_text())
    assert result["images"] == data["images"]
    assert result["categories"] == data["categories"]
    kept = [a for a in data["annotations"] if a["category_id"] != 3]
    assert result["annotations"] == kept
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, target.name])


def test_the_script_and_the_dataset_option_agree(tmp_path):
    data = image_json()
    for image in data["images"]:
        save_picture(tmp_path / "images" / image["file_name"], 30, 40)
    path = write_json(tmp_path / "lvis.json", data)
    target, _ = drop_rare_annotations(path)
    common = {"type": "LVISInstanceDataset", "data_prefix": {"img": str(tmp_path / "images")}}
    by_script = DATASETS.build({**common, "ann_file": str(target)})
    by_option = DATASETS.build({**common, "ann_file": str(path), "drop_frequencies": ("r",)})
    assert [by_script[i] for i in range(4)] == [by_option[i] for i in range(4)]


def test_rare_needs_frequencies(tmp_path):
    data = image_json()
    for category in data["categories"]:
        del category["frequency"]
    path = write_json(tmp_path / "coco.json", data)
    with pytest.raises(InputError, match="have no 'frequency'"):
        drop_rare_annotations(path)
    assert [p.name for p in tmp_path.iterdir()] == ["coco.json"]


def burst_json():
    def entry(x):
        return {"rle": encode_box(20, 30, x, 2, 4, 5)["counts"], "is_gt": True, "score": 1.0}

    sequence = {
        "id": 5,
        "width": 30,
        "height": 20,
        "seq_name": "walk",
        "dataset": "HACS",
        "fps": 1,
        "all_image_paths": ["frame0001.jpg", "frame0002.jpg", "frame0031.jpg"],
        "annotated_image_paths": ["frame0001.jpg", "frame0031.jpg"],
        "neg_category_ids": [20],
        "not_exhaustive_category_ids": [],
        "track_category_ids": {"1": 805, "7": 4},
        "segmentations": [{"1": entry(3), "7": entry(9)}, {"7": entry(12)}],
    }
    categories = [{"id": i, "name": n} for i, n in ((2, "aerosol_can"), (4, "airplane"), (805, "person"))]
    return {"sequences": [sequence], "categories": categories, "split": "val"}


def test_burst_as_the_published_script_writes_it(tmp_path):
    source = write_json(tmp_path / "all_classes.json", burst_json())
    counts = burst_to_ytvis(source, tmp_path / "b2y_val.json")
    assert counts == {"videos": 1, "annotations": 2, "categories": 3}
    result = json.loads((tmp_path / "b2y_val.json").read_text())
    video = result["videos"][0]
    assert video["file_names"] == ["HACS/walk/frame0001.jpg", "HACS/walk/frame0031.jpg"]
    assert (video["id"], video["length"], video["neg_category_ids"]) == (5, 2, [20])
    assert video["metadata"] == {"dataset": "HACS"}
    assert [i["frame_index"] for i in result["images"]] == [1, 31]
    names = [(c["id"], c["name"], c["split"]) for c in result["categories"]]
    assert names == [(1, "aerosol_can", "uncommon"), (2, "airplane", "common"), (3, "person", "common")]
    first, second = result["annotations"]
    assert (first["id"], first["category_id"]) == (0, 3)
    assert (second["id"], second["category_id"]) == (1, 2)
    assert first["segmentations"][1] is None
    assert first["bboxes"] == [[3, 2, 4, 5], None]
    assert not {"iscrowd", "areas", "length"} & first.keys()
    assert result["track_id_mapping"] == {"5": {"1": 0, "7": 1}}
    assert result["split"] == "val"


def test_burst_repaired_and_read_back(tmp_path):
    source = write_json(tmp_path / "all_classes.json", burst_json())
    burst_to_ytvis(source, tmp_path / "b2y.json", first_id=1, with_areas=True)
    result = json.loads((tmp_path / "b2y.json").read_text())
    assert [a["id"] for a in result["annotations"]] == [1, 2]
    assert result["annotations"][1]["areas"] == [20, 20]
    assert result["annotations"][1]["length"] == 2
    dataset = VideoInstanceDataset(ann_file=str(tmp_path / "b2y.json"), check_files=False)
    assert dataset.get_data_info(0)["images"][1]["instances"][0]["bbox"] == [12, 2, 16, 7]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("sequences"), r"no list 'sequences'"),
        (lambda d: d["sequences"][0].pop("dataset"), r"field 'dataset' is missing"),
        (lambda d: d["sequences"][0]["segmentations"].pop(), r"one object for each annotated frame"),
        (lambda d: d["sequences"][0]["track_category_ids"].update({"1": 9}), r"track 1 has category 9"),
        (
            lambda d: d["sequences"][0]["segmentations"][0]["7"].update(rle="0"),
            r"segmentations\[0\], track 7 has runs of 0 pixels",
        ),
        (lambda d: d["sequences"][0].update(seq_name="../../etc"), r"does not stay inside"),
        (lambda d: d["sequences"][0].update(annotated_image_paths=["a.jpg", None]), r"holds None, not text"),
        (lambda d: d["sequences"].append(d["sequences"][0]), r"sequences\[1\] \(id 5\): the id is already taken"),
        (lambda d: d["sequences"][0]["segmentations"][0].update({"8": {"rle": "0"}}), r"track 8 is not in"),
        (lambda d: d["categories"].append({"id": 2, "name": "x"}), r"the id is already taken"),
    ],
)
def test_damaged_burst_files_leave_nothing_behind(tmp_path, change, message):
    data = burst_json()
    change(data)
    source = write_json(tmp_path / "all_classes.json", data)
    with pytest.raises(InputError, match=message):
        burst_to_ytvis(source, tmp_path / "out.json")
    assert [p.name for p in tmp_path.iterdir()] == ["all_classes.json"]


def test_an_unwritable_target(tmp_path):
    source = write_json(tmp_path / "all_classes.json", burst_json())
    with pytest.raises(InputError, match="cannot be written"):
        burst_to_ytvis(source, tmp_path / "no" / "folder.json")
