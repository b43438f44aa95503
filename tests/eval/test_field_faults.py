"""The table of docs/faults_of_the_field.md, computed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from clipvis_eval.track_ap import evaluate_files

PAGE = Path(__file__).resolve().parents[2] / "docs/faults_of_the_field.md"
ROW = re.compile(r"^\| ([^|]+) \| (ytvis2019|lvvis|burst) \| (\w+) \| (\S+) \| (\S+) \|$", re.M)
HEIGHT, WIDTH = 300, 400
SIDE = 20  # of a small object
LIMIT = 128**2  # pixels; where small ends and medium begins, both included


def square(place: int, side: int = SIDE) -> dict:
    """A mask, `place` sides from the left."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    mask[:side, place * side : (place + 1) * side] = 1
    code = coco_mask.encode(mask)
    return {"size": code["size"], "counts": code["counts"].decode()}


def annotation(number: int, place: int, *, crowd: int = 0, side: int = SIDE, area: float | None = None) -> dict:
    fields = {"id": number, "video_id": 1, "category_id": 1, "iscrowd": crowd, "areas": [area or side**2]}
    return fields | {"segmentations": [square(place, side)]}


def prediction(score: float, place: int, side: int = SIDE) -> dict:
    return {"video_id": 1, "category_id": 1, "score": score, "segmentations": [square(place, side)]}


A, B = 0, 2  # places of two objects
CROWD_TWICE = [prediction(0.9, B), prediction(0.8, B)]
WITH_CROWD = [annotation(1, A), annotation(2, B, crowd=1)]
#: Annotations and predictions.
CASES = {
    "an object with id 0, found": ([annotation(0, A)], [prediction(0.9, A)]),
    "one object missed, a crowd hit twice": (WITH_CROWD, CROWD_TWICE),
    "one object found, a crowd hit twice": (WITH_CROWD, [*CROWD_TWICE, prediction(0.7, A)]),
    "two objects, one of them found twice": (
        [annotation(1, A), annotation(2, B)],
        [prediction(0.9, A), prediction(0.8, A)],
    ),
    "a large object, found": (
        [annotation(1, A, side=280)],
        [prediction(0.9, A, side=280)],
    ),
    "an area just over the limit, found": (
        [annotation(1, A, side=128, area=LIMIT + 0.6)],
        [prediction(0.9, A, side=128)],
    ),
}


def written(number: float | None) -> str:
    return "none" if number is None else f"{number:.3f}"


@pytest.mark.parametrize("row", ROW.findall(PAGE.read_text(encoding="utf-8")), ids=lambda row: "-".join(row[:3]))
def test_numbers_of_the_page(tmp_path, row):
    case, benchmark, figure, *expected = row
    annotations, predictions = CASES[case]
    truth = {
        "videos": [{"id": 1, "height": HEIGHT, "width": WIDTH, "length": 1}],
        "categories": [{"id": 1, "name": "dog", "partition": 0}],
        "annotations": annotations,
    }
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps(predictions))
    files = tmp_path / "gt.json", tmp_path / "dt.json"
    results = [evaluate_files(*files, benchmark=benchmark, protocol=name) for name in ("published", "corrected")]
    assert [written(result.metrics[figure]) for result in results] == expected


def test_every_case_has_a_row():
    assert {case for case, *_ in ROW.findall(PAGE.read_text(encoding="utf-8"))} == CASES.keys()
