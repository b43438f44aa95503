"""Tracks as `supervision.Detections`, a frame at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from pycocotools import mask as mask_api

from clipvis_core.exports.selection import Clip, select
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.answer import Answer

if TYPE_CHECKING:
    from supervision import Detections


def detections(answer: Answer, *, all_tracks: bool = False, score_thr: float | None = None) -> Iterator[Detections]:
    """Yields the tracks of each frame, in the form of https://supervision.roboflow.com/latest/detection/core/.

    `xyxy` are the boxes of the masks, `tracker_id` the tracks' places in `results.json` from 1, `class_id` those of
    their categories in the vocabulary from 0, `confidence` the shown scores, and `data["class_name"]` the names.

    Args:
        answer: What a run wrote.
        all_tracks: Also duplicates, parts of a thing and tracks that flicker.
        score_thr: Least score; by default that of the run.

    Raises:
        InputError: supervision is not installed, or there is no such track.
    """
    try:
        import supervision  # noqa: F401
    except ImportError:
        raise InputError("supervision is not installed: pip install 'clipvis-core[supervision]'") from None
    (clip,) = select([answer], all_tracks=all_tracks, score_thr=score_thr).clips
    return (_detections(clip, frame) for frame in range(clip.num_frames))


def _detections(clip: Clip, frame: int) -> Detections:
    from supervision import Detections

    seen = clip.visible(frame)
    if not seen:
        return Detections.empty()
    boxes = np.array([mask_api.toBbox(mask) for _, mask in seen], dtype=np.float32)
    boxes[:, 2:] += boxes[:, :2]
    return Detections(
        xyxy=boxes,
        mask=np.stack([mask_api.decode(mask) > 0 for _, mask in seen]),
        confidence=np.array([track.score for track, _ in seen], dtype=np.float32),
        class_id=np.array([track.category for track, _ in seen]),
        tracker_id=np.array([track.number for track, _ in seen]),
        data={"class_name": np.array([track.label for track, _ in seen])},
    )
