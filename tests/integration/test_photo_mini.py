"""The shipped photo-mini on three frames of the demo clip finds the tracks it found when it was shipped.

`python tests/integration/test_photo_mini.py` stores them anew.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
from pycocotools import mask as coco_mask

from clipvis_core.inference import CLIPVISInferencer, SegmentationResult
from clipvis_core.media import open_frames

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).with_suffix(".json")
WORDS = ["car", "person", "dog", "bicycle", "traffic light"]
LEAST_SCORE = 0.4


def segment(contrast: str) -> SegmentationResult:
    """The model's answer for three frames of the demo clip."""
    inferencer = CLIPVISInferencer("photo-mini", vocabulary=WORDS, contrast=contrast)
    frames = list(islice(open_frames(ROOT / "assets/street.mp4"), 0, 20, 8))
    return inferencer(frames, progress=False)


def find_tracks() -> list[dict]:
    """Label, score and masks of the surest tracks by their published scores, each object once."""
    result = segment("none")
    return [
        {"label": line.label, "score": line.score, "masks": list(result.tracks.segmentations[line.track - 1])}
        for line in result.drawn(LEAST_SCORE).summary()
    ]


def same_masks(masks: list, expected: list) -> bool:
    pairs = zip(masks, expected, strict=True)
    return all(
        (one is None) == (other is None) and (one is None or coco_mask.iou([one], [other], [0])[0, 0] > 0.95)
        for one, other in pairs
    )


def test_the_published_tracks_are_those_of_the_shipped_model():
    result = segment("none")
    tracks = list(
        zip(result.tracks.labels.tolist(), result.tracks.scores.tolist(), result.tracks.segmentations, strict=True)
    )
    stored = json.loads(STORED.read_text())
    assert stored
    for then in stored:
        assert any(
            WORDS[label] == then["label"]
            and score == pytest.approx(then["score"], abs=0.02)
            and same_masks(list(masks), then["masks"])
            for label, score, masks in tracks
        ), then["score"]


def test_the_car_is_found_once_with_a_calibrated_score():
    result = segment("auto")
    (line,) = result.drawn(LEAST_SCORE).summary()
    assert line.label == "car"
    assert line.score == pytest.approx(0.834, abs=0.02)
    assert (line.first, line.last) == (0, 2)


if __name__ == "__main__":
    STORED.write_text(json.dumps(find_tracks(), indent=1) + "\n")
