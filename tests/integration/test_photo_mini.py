"""The shipped photo-mini on three frames of the demo clip finds the tracks it found when it was shipped.

`python tests/integration/test_photo_mini.py` stores them anew.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
from pycocotools import mask as coco_mask

from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.media import open_frames

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).with_suffix(".json")
WORDS = ["car", "person", "dog", "bicycle", "traffic light"]
LEAST_SCORE = 0.4


def find_tracks() -> list[dict]:
    """Label, score and masks of the surest tracks in three frames of the demo clip."""
    inferencer = CLIPVISInferencer(
        ROOT / "configs/photo_mini/photo_mini_video.py", ROOT / "weights/photo_mini.safetensors", vocabulary=WORDS
    )
    frames = list(islice(open_frames(ROOT / "assets/street.mp4"), 0, 20, 8))
    result = inferencer(frames, progress=False)
    return [
        {"label": line.label, "score": line.score, "masks": list(result.tracks.segmentations[line.track - 1])}
        for line in result.drawn(LEAST_SCORE).summary()
    ]


@pytest.fixture(scope="module")
def found():
    return find_tracks()


def test_the_tracks_are_those_of_the_shipped_model(found):
    stored = json.loads(STORED.read_text())
    assert stored
    assert [track["label"] for track in found] == [track["label"] for track in stored]
    for now, then in zip(found, stored, strict=True):
        assert now["score"] == pytest.approx(then["score"], abs=0.02)
        for mask, expected in zip(now["masks"], then["masks"], strict=True):
            assert (mask is None) == (expected is None)
            if mask is not None:
                assert coco_mask.iou([mask], [expected], [0])[0, 0] > 0.95


if __name__ == "__main__":
    STORED.write_text(json.dumps(find_tracks(), indent=1) + "\n")
