"""Image AP of files as people have them: equal to pycocotools, or refused in a line that names the record."""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import json
import zipfile

import numpy as np
import pytest
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from clipvis_core.foundation.errors import InputError
from clipvis_eval.image_ap import evaluate_images
from clipvis_eval.track_ap import evaluate_files

HEIGHT, WIDTH = 40, 60


def square(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def encoded(x, y, side):
    rle = mask_api.merge(mask_api.frPyObjects(square(x, y, side), HEIGHT, WIDTH))
    return {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()}


def case(images=12):
    """Ground truth and results with a hit, a near miss and a false alarm in each image."""
    truth = {
        "images": [{"id": i, "height": HEIGHT, "width": WIDTH} for i in range(1, images + 1)],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [],
    }
    results, generator = [], np.random.default_rng(3)
    for i in range(1, images + 1):
        for k in range(3):
            x, y, side = (int(v) for v in generator.integers(2, 18, 3))
            owner = {"image_id": i, "category_id": 1 + k % 2}
            annotation = {"id": 10 * i + k, **owner, "segmentation": square(x, y, side), "area": side**2}
            truth["annotations"].append(annotation | {"bbox": [x, y, side, side], "iscrowd": int(k == 2)})
            found = encoded(x + int(generator.integers(0, 5)), y, side)
            results.append({**owner, "score": float(generator.random()), "segmentation": found})
    return truth, results


def write(folder, truth, results):
    paths = folder / "gt.json", folder / "results.json"
    for path, content in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(content))
    return paths


def ours(folder, truth, results, **options):
    return evaluate_images(*write(folder, truth, results), benchmark="coco", **options).metrics


def theirs(folder, truth, results):
    files = write(folder, truth, results)
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(str(files[0]))
        evaluation = COCOeval(data, data.loadRes(str(files[1])), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(("AP", "AP50", "AP75", "APs"), evaluation.stats, strict=False))


@pytest.mark.parametrize("offset", [0, 2**31, 2**53, 7706992903151817196, -(2**40)])
def test_ids_of_any_size(tmp_path, offset):
    truth, results = case()
    expected = theirs(tmp_path, truth, results)
    for record in truth["images"]:
        record["id"] += offset
    for record in truth["annotations"] + results:
        record["image_id"] += offset
    for record in truth["annotations"]:
        record["id"] += offset
    found = ours(tmp_path, truth, results)
    assert 0.1 < expected["AP"] < 0.9
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("state", ["absent", "null"])
@pytest.mark.parametrize("field", ["area", "bbox", "iscrowd"])
def test_fields_that_masks_tell_are_computed(tmp_path, field, state):
    truth, results = case()
    for record in truth["annotations"]:
        record["iscrowd"] = 0
    expected = theirs(tmp_path, truth, results)
    for record in truth["annotations"]:
        record.pop(field) if state == "absent" else record.update({field: None})
    found = ours(tmp_path, truth, results)
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-12)
    boxes = [{**r, "bbox": mask_api.toBbox(r["segmentation"]).tolist()} for r in results]
    assert ours(tmp_path, truth, boxes, iou_type="bbox")["AP"] > 0.1


def test_polygons_as_results(tmp_path):
    truth, results = case()
    expected = ours(tmp_path, truth, results)
    polygons = copy.deepcopy(results)
    for i, record in enumerate(polygons):
        if i % 2:
            x, y, w, _ = mask_api.toBbox(record["segmentation"]).tolist()
            record["segmentation"] = square(x, y, w)
    assert ours(tmp_path, truth, polygons) == expected


FAULTS = {
    "image twice": (("images", 2, "id"), 1, "images[2] (id 1): the id is already taken by images[0]"),
    "annotation twice": (("annotations", 1, "id"), 10, "annotations[1] (id 10): the id is already taken"),
    "category twice": (("categories", 1, "id"), 1, "categories[1] (id 1): the id is already taken"),
    "unknown image": (("annotations", 4, "image_id"), 99, "annotations[4] (id 21): 'image_id' is 99, but there is no"),
    "unknown category": (("annotations", 4, "category_id"), 9, "'category_id' is 9, but there is no such category"),
    "over 64 bits": (("images", 0, "id"), 2**63, "over the limit of 2^63 - 1"),
    "no mask": (("annotations", 0, "segmentation"), None, "field 'segmentation' is missing"),
    "flat polygon": (("annotations", 0, "segmentation"), [1, 2, 3, 4, 5, 6], "a polygon that is not a list of numbers"),
    "two points": (("annotations", 0, "segmentation"), [[1, 2, 3, 4]], "has a polygon of under 3 points"),
    "half a point": (("annotations", 0, "segmentation"), [[1, 2, 3, 4, 5, 6, 7]], "x and y come in pairs"),
    "polygon of nan": (("annotations", 0, "segmentation"), [[float("nan")] * 6], "not a list of numbers"),
    "polygon of text": (("annotations", 0, "segmentation"), [["1"] * 6], "not a list of numbers"),
    "polygon far away": (("annotations", 0, "segmentation"), [[0, 0, 1e9, 0, 1e9, 1e9]], "far outside the image of 40"),
    "long outline": (("annotations", 0, "segmentation"), [[0, 0, 400, 400] * 40000], "with an outline of over"),
    "empty": (("annotations", 0, "segmentation"), [], "has no polygon"),
    "wrong size": (("annotations", 0, "segmentation"), {"size": [60, 40], "counts": [2400]}, "is 60 x 40"),
    "too few runs": (("annotations", 0, "segmentation"), {"size": [40, 60], "counts": [7]}, "has runs of 7 pixels"),
    "corrupt": (("annotations", 0, "segmentation"), {"size": [40, 60], "counts": "a~"}, "not part of the RLE code"),
    "crowd": (("annotations", 0, "iscrowd"), "1", "field 'iscrowd' is '1', not 0 or 1"),
    "area": (("annotations", 0, "area"), 1e12, "'area' is 1000000000000.0, but the image has 2400 pixels"),
    "negative area": (("annotations", 0, "area"), -1, "field 'area' is -1"),
    "box": (("annotations", 0, "bbox"), [1, 2, float("nan"), 4], "field 'bbox' must be [x, y, width, height]"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_ground_truth_is_named(tmp_path, fault):
    (key, index, field), value, expected = FAULTS[fault]
    truth, results = case(images=4)
    truth[key][index][field] = value
    with pytest.raises(InputError) as caught:
        ours(tmp_path, truth, results)
    assert expected in str(caught.value)
    assert f"{key}[" in str(caught.value)


RESULT_FAULTS = {
    "polygon far away": ("segmentation", [[0, 0, 1e9, 0, 5, 5]], "segmentation has a polygon far outside"),
    "no polygon": ("segmentation", [], "segmentation has no polygon"),
    "null": ("segmentation", None, "has no 'segmentation'"),
    "huge score": ("score", 10**400, "score is 1000000"),
    "image": ("image_id", 2**60, "image_id 1152921504606846976 is not in the annotation file"),
}


@pytest.mark.parametrize("fault", RESULT_FAULTS)
def test_a_bad_result_is_named(tmp_path, fault):
    field, value, expected = RESULT_FAULTS[fault]
    truth, results = case(images=2)
    results[3][field] = value
    with pytest.raises(InputError) as caught:
        ours(tmp_path, truth, results)
    assert f"record 3: {expected}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t["images"][0].update(neg_category_ids=None), "'neg_category_ids' is missing; it must be a list"),
        (lambda t: t["images"][0].update(neg_category_ids=[77]), "'neg_category_ids' holds 77, but there is no such"),
        (lambda t: t["categories"][1].pop("frequency"), "categories[1] (id 2): field 'frequency' is not f, c or r"),
    ],
)
def test_lvis_fields(tmp_path, change, expected):
    truth, results = case(images=2)
    for image in truth["images"]:
        image.update(neg_category_ids=[], not_exhaustive_category_ids=[])
    for category in truth["categories"]:
        category["frequency"] = "f"
    files = write(tmp_path, truth, results)
    assert evaluate_images(*files, benchmark="lvis").metrics["APf"] > 0
    change(truth)
    with pytest.raises(InputError) as caught:
        evaluate_images(*write(tmp_path, truth, results), benchmark="lvis")
    assert expected in str(caught.value)


def test_lvis_without_a_detection_to_judge(tmp_path):
    truth, results = case(images=2)
    truth["annotations"] = []
    for image in truth["images"]:
        image.update(neg_category_ids=[], not_exhaustive_category_ids=[])
    for category in truth["categories"]:
        category["frequency"] = "f"
    assert evaluate_images(*write(tmp_path, truth, results), benchmark="lvis").metrics["AP"] is None


def test_packed_files_are_read(tmp_path):
    truth, results = case(images=2)
    expected = ours(tmp_path, truth, results)
    gt, plain = tmp_path / "gt.json", tmp_path / "results.json"
    packed = tmp_path / "results.json.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert evaluate_images(gt, packed, benchmark="coco").metrics == expected
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"results.json.gz: cannot be unpacked \(cut short or damaged\?\)"):
        evaluate_images(gt, packed, benchmark="coco")
    with zipfile.ZipFile(tmp_path / "results.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.write(plain, "results.json")
    spoilt = bytearray((tmp_path / "results.zip").read_bytes())
    spoilt[60] ^= 255
    packed.write_bytes(spoilt)
    with pytest.raises(InputError, match="cannot be unpacked"):
        evaluate_images(gt, packed, benchmark="coco")
    with zipfile.ZipFile(tmp_path / "results.zip", "w") as archive:
        archive.write(plain, "results.json")
        archive.writestr("__MACOSX/._results.json", b"x")
    assert evaluate_images(gt, tmp_path / "results.zip", benchmark="coco").metrics == expected
    with zipfile.ZipFile(tmp_path / "results.zip", "a") as archive:
        archive.write(plain, "more.json")
    with pytest.raises(InputError, match=r"is a zip with 2 json files, not one"):
        evaluate_images(gt, tmp_path / "results.zip", benchmark="coco")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("videos", "file_names"), 3, "field 'file_names' is 3; it must be a list"),
        (("annotations", "occlusion"), [[]], "occlusion has labels"),
        (("annotations", "category_id"), 2**63, "over the limit of 2^63 - 1"),
        (("annotations", "segmentations"), [[[0, 0, 1e9, 0, 5, 5]]], "segmentations[0] has a polygon far outside"),
        (("annotations", "segmentations"), [{"size": [40, 60], "counts": "W148000000pe0"}], "not part of the RLE code"),
    ],
)
def test_track_files(tmp_path, place, value, expected):
    truth = {
        "videos": [{"id": 1, "height": HEIGHT, "width": WIDTH, "length": 1}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": 1, "video_id": 1, "category_id": 1, "segmentations": [encoded(1, 2, 9)]}],
    }
    truth[place[0]][0][place[1]] = value
    with pytest.raises(InputError) as caught:
        evaluate_files(*write(tmp_path, truth, []), benchmark="ovis")
    assert expected in str(caught.value)
