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

import clipvis_eval
from clipvis_eval.image_ap import evaluate_images, limit_detections
from clipvis_eval.metrics.lvis_metric import encode_masks

assert clipvis_eval.metrics  # the import registers


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
    categories = [
        {"id": i, "name": f"c{i}", "frequency": f, "image_count": 1} for i, f in enumerate("fcr", 1)
    ]
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
        {
            "type": "CLIPVISLVISMetric",
            "ann_file": str(tmp_path / "gt.json"),
            "outfile_prefix": str(tmp_path / "out"),
        }
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
