"""The best of a few tracks for each annotated object."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from mmdet.structures import TrackDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from pycocotools import mask as coco_mask
from rlemasklib import RLEMask

import clipvis_eval.metrics  # noqa: F401 - registers
from clipvis_core.foundation.errors import InputError
from clipvis_eval.best_tracks import distinct_tracks
from clipvis_eval.results_file import Prediction

HEIGHT, WIDTH = 10, 20


def rle(x, width):
    """A bar of full height."""
    if width is None:
        return None
    mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    mask[:, x : x + width] = 1
    found = coco_mask.encode(mask)
    return {"size": [HEIGHT, WIDTH], "counts": found["counts"].decode()}


def bars(*frames):
    return [None if frame is None else rle(*frame) for frame in frames]


def write_truth(path, objects, videos=1):
    """Objects (video, category, masks of two frames), as a YouTube-VIS json."""
    data = {
        "videos": [{"id": v + 1, "height": HEIGHT, "width": WIDTH, "length": 2} for v in range(videos)],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "swan"}],
        "annotations": [
            {"id": i + 1, "video_id": v, "category_id": c, "iscrowd": crowd, "segmentations": masks}
            for i, (v, c, masks, crowd) in enumerate(objects)
        ],
    }
    path.write_text(json.dumps(data))
    return str(path)


def evaluate(ann_file, videos, **options):
    """`videos`: for each the tracks (score, label, masks)."""
    evaluator = Evaluator(METRICS.build(dict(type="BestTrackMetric", ann_file=ann_file, **options)))
    for number, tracks in enumerate(videos):
        sample = TrackDataSample(metainfo={"video_id": number + 1, "video_length": 2})
        sample.pred_tracks = InstanceData(
            scores=torch.tensor([track[0] for track in tracks]),
            labels=torch.tensor([track[1] for track in tracks], dtype=torch.long),
            segmentations=[track[2] for track in tracks],
        )
        evaluator.process(data_samples=[sample], data_batch=None)
    return evaluator.evaluate(len(videos))


WHOLE = bars((0, 10), (0, 10))
HALF = bars((0, 5), (0, 5))
FAR = bars((12, 4), (12, 4))


def test_figures_of_two_videos(tmp_path):
    truth = write_truth(tmp_path / "gt.json", [(1, 1, WHOLE, 0), (2, 2, WHOLE, 0)], videos=2)
    found = evaluate(truth, [[(0.9, 1, FAR), (0.5, 1, HALF), (0.4, 0, bars((0, 8), (0, 8)))], [(0.9, 0, HALF)]])
    assert found == {
        "best_track/mean_iou": pytest.approx((0.8 + 0.5) / 2),
        "best_track/found": 2,
        "best_track/found_share": 1.0,
        "best_track/named_share": 0.5,
    }


def test_only_the_best_scored_tracks_count(tmp_path):
    truth = write_truth(tmp_path / "gt.json", [(1, 1, WHOLE, 0)])
    tracks = [(0.9, 0, FAR), (0.5, 0, HALF), (0.4, 0, WHOLE)]
    assert evaluate(truth, [tracks], num_tracks=2)["best_track/mean_iou"] == 0.5
    assert evaluate(truth, [tracks], num_tracks=3)["best_track/mean_iou"] == 1.0
    assert evaluate(truth, [tracks], num_tracks=1) == {
        "best_track/mean_iou": 0.0,
        "best_track/found": 0,
        "best_track/found_share": 0.0,
    }


def test_a_track_has_its_likeliest_name_and_counts_once(tmp_path):
    truth = write_truth(tmp_path / "gt.json", [(1, 1, WHOLE, 0)])
    # The same track under two names, hidden in a frame under the second.
    tracks = [(0.9, 1, FAR), (0.8, 0, FAR), (0.7, 1, WHOLE), (0.6, 0, bars((0, 10), None))]
    found = evaluate(truth, [tracks], num_tracks=2)
    assert found["best_track/mean_iou"] == 1.0
    assert found["best_track/named_share"] == 0.0


def test_crowds_are_left_out(tmp_path):
    truth = write_truth(tmp_path / "gt.json", [(1, 1, WHOLE, 0), (1, 1, FAR, 1)])
    assert evaluate(truth, [[(0.9, 0, WHOLE)]])["best_track/mean_iou"] == 1.0


def test_nothing_annotated_and_nothing_to_count(tmp_path):
    truth = write_truth(tmp_path / "gt.json", [(1, 1, FAR, 1)])
    with pytest.raises(InputError, match="no object is annotated"):
        evaluate(truth, [[(0.9, 0, WHOLE)]])
    with pytest.raises(InputError, match="at least 1"):
        METRICS.build(dict(type="BestTrackMetric", num_tracks=0))


def test_a_video_without_tracks(tmp_path):
    truth = write_truth(tmp_path / "gt.json", [(1, 1, WHOLE, 0)])
    assert evaluate(truth, [[]])["best_track/mean_iou"] == 0.0


def prediction(score, *frames):
    masks = [None if m is None else RLEMask.from_dict(m) for m in bars(*frames)]
    return Prediction(1, 1, score, masks)


def test_tracks_are_told_apart_by_their_masks():
    one = prediction(0.9, (0, 3), (0, 3))
    hidden = prediction(0.8, (0, 3), None)  # the same
    moved = prediction(0.7, (0, 3), (1, 3))
    before = prediction(0.6, None, (9, 3))
    after = prediction(0.5, (9, 3), None)  # shares no frame with the one before
    everything = [after, before, moved, hidden, one]
    assert distinct_tracks(everything, 9) == [one, moved, before, after]
    assert distinct_tracks(everything, 2) == [one, moved]
