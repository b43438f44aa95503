"""Whether found objects are carried by one track throughout."""

from __future__ import annotations

import numpy as np
from pycocotools import mask as coco_mask

from clipvis_core.foundation.whole_file import write_json
from clipvis_eval.identity import Identity, identity_of_files

SIZE = (20, 30)


def box(left, width=10):
    mask = np.zeros(SIZE, np.uint8, order="F")
    mask[5:15, left : left + width] = 1
    rle = coco_mask.encode(mask)
    return {"size": list(SIZE), "counts": rle["counts"].decode()}


def measured(tmp_path, truth, predictions):
    """`truth`: masks of an object of category 1; `predictions`: (category, masks)."""
    length = len(truth)
    shape = {"height": SIZE[0], "width": SIZE[1], "length": length}
    write_json(
        {
            "videos": [{"id": 1, **shape, "file_names": ["x.jpg"] * length}],
            "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
            "annotations": [
                {
                    "id": 1, "video_id": 1, "category_id": 1, "iscrowd": 0, **shape,
                    "segmentations": truth, "bboxes": [None] * length,
                    "areas": [m and 100 for m in truth],
                }
            ],
        },
        tmp_path / "gt.json",
    )  # fmt: skip
    records = [
        {"video_id": 1, "category_id": category, "score": 0.5, "segmentations": masks}
        for category, masks in predictions
    ]
    write_json(records, tmp_path / "results.json")
    return identity_of_files(tmp_path / "gt.json", tmp_path / "results.json", benchmark="ytvis2019")


def test_one_track_throughout(tmp_path):
    truth = [box(0), None, box(4), box(6)]
    same = [box(0), box(1), box(5), box(7)]
    assert measured(tmp_path, truth, [(1, same), (2, same)]) == Identity(1, 1, 1)


def test_another_track_takes_over(tmp_path):
    truth = [box(0), box(2), box(4), box(6)]
    first = [box(0), box(2), box(4), None]
    second = [None, None, None, box(6)]
    assert measured(tmp_path, truth, [(1, first), (2, second)]) == Identity(1, 1, 0)
    poor = [None, None, None, box(16)]  # overlaps nothing: the object is lost, not taken over
    assert measured(tmp_path, truth, [(1, first), (2, poor)]) == Identity(1, 1, 1)


def test_a_wrong_name_is_not_found(tmp_path):
    truth = [box(0), box(2)]
    identity = measured(tmp_path, truth, [(2, truth)])
    assert identity == Identity(1, 0, 0)
    assert identity.share is None
