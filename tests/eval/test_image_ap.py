"""COCO and LVIS image AP."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from pycocotools import mask as coco_mask

import clipvis_eval.metrics  # noqa: F401 - registers
from clipvis_core.foundation.errors import InputError
from clipvis_core.tracking import encode_masks
from clipvis_eval.image_ap import evaluate_images, limit_detections


@pytest.mark.parametrize(("kind", "expected"), [("bbox", 0.505), ("segm", 0.320)])
def test_coco_demo_figures(reference_dir, kind, expected):
    folder = reference_dir / "samples" / "evaluator"
    result = evaluate_images(
        folder / "instances_val2014_100.json",
        folder / f"instances_val2014_fake{kind}100_results.json",
        benchmark="coco",
    )
    assert result.metrics["AP"] == pytest.approx(expected, abs=5e-4)
    assert len(result.per_category) == 80


def lvis_truth():
    """Two images; category 3 is known to be absent from the first, 2 not exhaustive there."""
    full = {"size": [4, 5], "counts": [0, 20]}
    half = {"size": [4, 5], "counts": [0, 8, 12]}
    annotations = [
        {"image_id": 1, "category_id": 1, "segmentation": full, "area": 20},
        {"image_id": 1, "category_id": 2, "segmentation": half, "area": 8},
        {"image_id": 2, "category_id": 1, "segmentation": half, "area": 8},
        {"image_id": 2, "category_id": 3, "segmentation": full, "area": 20},
    ]
    annotations = [a | {"id": i, "bbox": [0, 0, 5, 4]} for i, a in enumerate(annotations, 1)]
    sets = [([3], [2]), ([], [])]
    images = [
        {"id": i, "height": 4, "width": 5, "neg_category_ids": n, "not_exhaustive_category_ids": e}
        for i, (n, e) in enumerate(sets, 1)
    ]
    categories = [{"id": i, "name": f"c{i}", "frequency": f, "image_count": 1} for i, f in enumerate("fcr", 1)]
    return {"images": images, "categories": categories, "annotations": annotations}


def sample(image, found):
    masks = torch.zeros(len(found), 4, 5, dtype=torch.bool)
    for row, (_, _, pixels) in enumerate(found):
        flat = torch.zeros(20, dtype=torch.bool)
        flat[:pixels] = True
        masks[row] = flat.view(5, 4).T
    data = DetDataSample(metainfo={"img_id": image})
    data.pred_instances = InstanceData(
        labels=torch.tensor([label for label, _, _ in found]),
        scores=torch.tensor([score for _, score, _ in found]),
        masks=masks,
        bboxes=torch.zeros(len(found), 4),
    )
    return data.to_dict()


def test_lvis_rules(tmp_path):
    (tmp_path / "gt.json").write_text(json.dumps(lvis_truth()))
    metric = METRICS.build(
        {"type": "CLIPVISLVISMetric", "ann_file": str(tmp_path / "gt.json"), "outfile_prefix": str(tmp_path / "out")}
    )
    metric.dataset_meta = {}
    metric.process(
        None,
        [
            # right; a second of category 2 is ignored; category 3 is known to be absent: wrong
            sample(1, [(0, 0.9, 20), (1, 0.8, 8), (1, 0.95, 20), (2, 0.9, 20)]),
            # right; category 2 is neither annotated nor known to be absent here: dropped
            sample(2, [(0, 0.9, 8), (1, 0.99, 20), (2, 0.8, 20)]),
        ],
    )
    numbers = metric.evaluate(size=2)
    assert numbers["lvis/APf"] == pytest.approx(1.0)
    assert numbers["lvis/APc"] == pytest.approx(1.0)
    assert numbers["lvis/APr"] == pytest.approx(0.5)
    assert numbers["lvis/AP"] == pytest.approx(2.5 / 3)
    assert len(json.loads((tmp_path / "out.json").read_text())) == 7


def coco_case(folder, annotations, detections):
    """Files of one 60x80 image; each object is (category, x, y, side), detections have a score."""

    def record(item):
        mask = np.zeros((60, 80), np.uint8, order="F")
        mask[item[2] : item[2] + item[3], item[1] : item[1] + item[3]] = 1
        rle = coco_mask.encode(mask)
        rle["counts"] = rle["counts"].decode()
        return {"image_id": 1, "category_id": item[0], "segmentation": rle}

    truth = {
        "images": [{"id": 1, "height": 60, "width": 80}],
        "categories": [{"id": 1, "name": "dog"}, {"id": 5, "name": "cat"}],
        "annotations": [
            record(item) | {"id": i, "area": item[3] ** 2, "iscrowd": 0, "bbox": [*item[1:3], item[3], item[3]]}
            for i, item in enumerate(annotations, 1)
        ],
    }
    (folder / "gt.json").write_text(json.dumps(truth))
    return folder / "gt.json", [record(item) | {"score": item[4]} for item in detections]


def test_class_agnostic_counts_an_object_under_any_name(tmp_path):
    files = coco_case(
        tmp_path,
        [(1, 0, 0, 20), (5, 40, 0, 20)],
        # right; the same again, and under another name; found under another name; wrong
        [(1, 0, 0, 20, 0.9), (5, 0, 0, 20, 0.8), (1, 40, 0, 20, 0.7), (1, 20, 30, 20, 0.6)],
    )
    assert evaluate_images(*files, benchmark="coco").metrics["AP"] == pytest.approx(0.5)
    result = evaluate_images(*files, benchmark="coco", class_agnostic=True)
    # Precision 1 up to recall 0.5 (51 of 101 levels), then 2 hits of 3.
    assert result.metrics["AP"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert list(result.per_category) == ["any object"]
    assert result.to_json()["class_agnostic"] is True


def test_small_objects_and_small_mistakes_are_ignored(tmp_path):
    files = coco_case(
        tmp_path,
        [(1, 0, 0, 40), (1, 50, 0, 10), (1, 50, 20, 10)],  # the second is found, the third missed
        [(1, 0, 20, 12, 0.95), (1, 50, 0, 10, 0.9), (1, 0, 0, 40, 0.8)],  # the first is wrong
    )
    assert evaluate_images(*files, benchmark="coco").metrics["AP"] < 0.5
    result = evaluate_images(*files, benchmark="coco", min_area=32**2)
    assert result.metrics["AP"] == pytest.approx(1.0)
    assert result.metrics["AR100"] == pytest.approx(1.0)
    assert result.metrics["APs"] is None
    assert evaluate_images(*files, benchmark="coco", min_area=12**2).metrics["AP"] == pytest.approx(
        0.5
    )  # the wrong one is large enough to count


def test_the_coco_metric_takes_both(tmp_path):
    truth, _ = coco_case(tmp_path, [(5, 0, 0, 40), (1, 50, 0, 10)], [])
    options = {"type": "CLIPVISCocoMetric", "min_area": 1024.0}
    masks = torch.zeros(1, 60, 80, dtype=torch.bool)
    masks[:, :40, :40] = True
    found = InstanceData(labels=torch.tensor([0]), scores=torch.tensor([0.5]), masks=masks)
    sample = DetDataSample(metainfo={"img_id": 1})
    sample.pred_instances = found
    numbers = []
    for class_agnostic in (False, True):
        metric = METRICS.build(options | {"class_agnostic": class_agnostic})
        metric.dataset_meta = {"category_ids": (1, 5), "ann_file": str(truth)}
        metric.process(None, [sample.to_dict()])
        numbers.append(metric.evaluate(size=1)["coco/AP"])
    assert numbers == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"benchmark": "lvis", "class_agnostic": True}, "lvis cannot be evaluated class-agnost"),
        ({"benchmark": "coco", "min_area": -1}, "min_area is -1"),
        ({"benchmark": "coco", "min_area": float("nan")}, "min_area is nan"),
    ],
)
def test_options_that_do_not_fit_are_named(options, expected):
    with pytest.raises(InputError, match=expected):
        evaluate_images("not read", [], **options)


def test_at_most_the_best_detections_of_an_image_are_kept():
    records = [{"image_id": i % 2, "score": i} for i in range(10)]
    kept = limit_detections(records, 2)
    assert [(r["image_id"], r["score"]) for r in kept] == [(0, 8), (0, 6), (1, 9), (1, 7)]


def test_masks_are_encoded_as_pycocotools_does():
    masks = torch.from_numpy(np.random.default_rng(0).random((3, 6, 7)) > 0.5)
    for rle, mask in zip(encode_masks(masks), masks.numpy(), strict=True):
        expected = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert rle == {"size": [6, 7], "counts": expected["counts"].decode()}
    assert encode_masks(torch.zeros(0, 4, 5, dtype=torch.bool)) == []


def test_no_detections_is_a_legal_result(tmp_path):
    (tmp_path / "gt.json").write_text(json.dumps(lvis_truth()))
    assert evaluate_images(tmp_path / "gt.json", [], benchmark="lvis").metrics["AP"] == 0.0
