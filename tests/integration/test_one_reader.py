"""A fault of an annotation file is told in the same words by a dataset, an evaluator and the checker."""

from __future__ import annotations

import json

import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_data.datasets import VideoInstanceDataset
from clipvis_data.preparation import check_annotation_file
from clipvis_eval.ground_truth import load_ground_truth
from clipvis_eval.rules import rules_for

MASK = {"size": [4, 5], "counts": "1330O03"}
FAULTS = {
    "video without a size": ("videos", "height", None, "videos[0] (id 3): field 'height' is missing"),
    "video of no pixels": ("videos", "width", 0, "videos[0] (id 3): the size 4 x 0 is not one of an image"),
    "length": ("videos", "length", 0, "videos[0] (id 3): field 'length' is 0, not a whole number above 0"),
    "id": ("annotations", "id", "x", "annotations[0] (id x): field 'id' is 'x'"),
    "unknown video": (
        "annotations",
        "video_id",
        8,
        "annotations[0] (id 1): 'video_id' is 8, but there is no such video",
    ),
    "unknown category": ("annotations", "category_id", 8, "annotations[0] (id 1): 'category_id' is 8"),
    "crowd": ("annotations", "iscrowd", 7, "annotations[0] (id 1): field 'iscrowd' is 7"),
    "masks": ("annotations", "segmentations", None, "annotations[0] (id 1): field 'segmentations' is missing"),
    "too few masks": ("annotations", "segmentations", [MASK], "field 'segmentations' must be a list of 2 entries"),
    "mask of a number": ("annotations", "segmentations", [None, 5], "(id 1): segmentations[1] is a int"),
    "mask of another size": (
        "annotations",
        "segmentations",
        [None, MASK | {"size": [5, 4]}],
        "(id 1): segmentations[1] is 5 x 4 (height x width), but must be 4 x 5",
    ),
    "polygon": (
        "annotations",
        "segmentations",
        [[["a"] * 6], None],
        "segmentations[0] has a polygon that is not a list",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_dataset_evaluator_and_checker_say_the_same(tmp_path, fault):
    key, field, value, expected = FAULTS[fault]
    names = ["v/0.jpg", "v/1.jpg"]
    data = {
        "videos": [{"id": 3, "height": 4, "width": 5, "length": 2, "file_names": names}],
        "categories": [{"id": 1, "name": "a", "partition": 0}],
        "annotations": [{"id": 1, "video_id": 3, "category_id": 1, "segmentations": [MASK, None]}],
    }
    data[key][0][field] = value
    path = tmp_path / "file.json"
    path.write_text(json.dumps(data))
    lines = []
    for read in (
        lambda: VideoInstanceDataset(ann_file=str(path), check_files=False),
        lambda: load_ground_truth(path, "lvvis", rules_for("lvvis", "published")),
    ):
        with pytest.raises(InputError) as caught:
            read()
        lines.append(str(caught.value).rsplit("; ", 1)[0])
    checked = check_annotation_file(path, processes=1).faults[0]
    assert lines == [checked] * 2
    assert checked.startswith(f"{path}: ")
    assert expected in checked
