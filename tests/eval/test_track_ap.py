"""The evaluator core against the plain form, and its behaviour at the edges."""

from __future__ import annotations

import json
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_track_ap import PlainTrack, plain_metrics, plain_track_iou
from pycocotools import mask as coco_mask
from rlemasklib import RLEMask

from clipvis_eval import curves, overlaps, tracks
from clipvis_eval.track_ap import evaluate_files

HEIGHT, WIDTH = 200, 300  # a large enough frame for all three sizes


def box_mask(box):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    y, x, height, width = box
    mask[y : y + height, x : x + width] = True
    return mask


def encode(mask):
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


# A coarse grid makes equal IoUs, shared borders and repeated masks likely.
boxes = st.tuples(
    st.sampled_from([0, 10, 20]),
    st.sampled_from([0, 10, 20]),
    st.sampled_from([10, 20, 128, 180]),
    st.sampled_from([10, 20, 128, 270]),
)
frames = st.lists(boxes | st.none(), min_size=2, max_size=2)
track = st.fixed_dictionaries(
    {
        "video_id": st.integers(1, 2),
        "category_id": st.integers(1, 2),
        "boxes": frames,
        "score": st.sampled_from([0.1, 0.5, 0.9]),
        "iscrowd": st.sampled_from([0, 0, 0, 1]),
    }
)


def write_files(folder, preds, truths):
    def record(item, **more):
        rles = [None if b is None else encode(box_mask(b)) for b in item["boxes"]]
        fields = {"video_id": item["video_id"], "category_id": item["category_id"]}
        return fields | {"segmentations": rles} | more

    videos = [{"id": i, "height": HEIGHT, "width": WIDTH, "length": 2} for i in (1, 2)]
    categories = [{"id": i, "name": f"c{i}", "partition": i} for i in (1, 2)]
    annotations = [record(t, id=i, iscrowd=t["iscrowd"]) for i, t in enumerate(truths)]
    ground_truth = {"videos": videos, "categories": categories, "annotations": annotations}
    (folder / "gt.json").write_text(json.dumps(ground_truth))
    (folder / "dt.json").write_text(json.dumps([record(p, score=p["score"]) for p in preds]))
    return folder / "gt.json", folder / "dt.json"


def one_video(boxes, **more):
    return {"video_id": 1, "category_id": 1, "boxes": [boxes, None], "iscrowd": 0} | more


def dense_masks(boxes):
    return np.stack([box_mask(box or (0, 0, 0, 0)) for box in boxes])


def plain(item):
    fields = {key: value for key, value in item.items() if key != "boxes"}
    return PlainTrack(masks=dense_masks(item["boxes"]), **fields)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    preds=st.lists(track, max_size=8),
    truths=st.lists(track, max_size=6),
    frames_waiting=st.sampled_from([0, 4096]),  # none or all of a video are compared together
    batch=st.sampled_from([1, 2**14]),  # categories accumulated one by one or together
)
def test_equals_the_plain_form(tmp_path_factory, preds, truths, frames_waiting, batch):
    files = write_files(tmp_path_factory.mktemp("case"), preds, truths)
    with mock.patch.object(overlaps, "_MAX_WAITING_FRAMES", frames_waiting), mock.patch.object(curves, "_BATCH", batch):
        ours = evaluate_files(*files, benchmark="lvvis", protocol="corrected").metrics
    expected = plain_metrics([plain(p) for p in preds], [plain(t) for t in truths])
    assert {k for k in ours if ours[k] is None} == {k for k in expected if expected[k] is None}
    assert {k: v or 0.0 for k, v in ours.items()} == pytest.approx(
        {k: v or 0.0 for k, v in expected.items()}, abs=1e-12, rel=0
    )


@settings(max_examples=30, deadline=None, derandomize=True)
@given(preds=st.lists(track, max_size=8), truths=st.lists(track, max_size=6))
def test_class_agnostic_takes_all_categories_as_one(tmp_path_factory, preds, truths):
    files = write_files(tmp_path_factory.mktemp("case"), preds, truths)
    options = {"benchmark": "lvvis", "protocol": "corrected", "class_agnostic": True}
    result = evaluate_files(*files, **options)
    expected = plain_metrics(
        [plain(p | {"category_id": 7}) for p in preds], [plain(t | {"category_id": 7}) for t in truths]
    )
    assert {k: -1 if v is None else v for k, v in result.metrics.items()} == pytest.approx(
        {k: -1 if v is None else v for k, v in expected.items()}, abs=1e-12, rel=0
    )
    assert result.per_category == {"any object": result.metrics}
    assert result.groups == {}
    assert result.to_json()["class_agnostic"] is True


def test_no_predictions_is_a_legal_result(tmp_path):
    files = write_files(tmp_path, [], [one_video((0, 0, 10, 10))])
    result = evaluate_files(*files, benchmark="lvvis")
    assert result.metrics["AP"] == 0.0
    assert result.metrics["APl"] is None
    assert result.groups["novel"]["AP"] is None


@settings(max_examples=60, deadline=None, derandomize=True)
@given(one=frames, other=frames, at_least=st.sampled_from([0.0, 0.5, 0.95]))
def test_track_iou_is_the_exact_ratio(one, other, at_least):
    made = []
    for item in (one, other):
        masks = [None if b is None else encode(box_mask(b)) for b in item]
        made.append(tracks.Track(tracks.decode_masks(masks, HEIGHT, WIDTH)))
    expected = plain_track_iou(dense_masks(one), dense_masks(other))
    iou = tracks.track_iou(*made, at_least=at_least)
    assert iou == (expected if expected >= at_least else 0.0)


@pytest.mark.parametrize(("iscrowd", "compared"), [(0, 2), (1, 3)])
def test_gone_ground_truths_are_not_compared(tmp_path, iscrowd, compared):
    truth = one_video((0, 0, 100, 100), iscrowd=iscrowd)
    preds = [
        one_video((0, 0, 100, 80), score=0.5),  # its area rules out the thresholds above 0.9
        one_video((0, 0, 100, 90), score=0.9),
        one_video((0, 0, 100, 99), score=0.7),
        one_video((0, 0, 40, 100), score=1.0),  # its area rules out 0.5
    ]
    files = write_files(tmp_path, preds, [truth])
    intersect = RLEMask.__and__
    with mock.patch.object(RLEMask, "__and__", autospec=True, side_effect=intersect) as spy:
        evaluate_files(*files, benchmark="lvvis")
    assert spy.call_count == compared


def test_swapping_predictions_of_equal_score_matters(tmp_path):
    hit = one_video((0, 0, 20, 20), score=0.5)
    miss = one_video((20, 20, 20, 20), score=0.5)
    values = []
    for preds in ([hit, miss], [miss, hit]):
        files = write_files(tmp_path, preds, [hit])
        values.append(evaluate_files(*files, benchmark="ytvis2019", protocol="corrected").metrics["AP"])
    assert values == pytest.approx([1.0, 0.5])
