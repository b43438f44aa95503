"""Tracks that cover the same object, of which only the best is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask

SAME_OBJECT = 0.7  # least IoU over the clip
_MOST_FRAMES = 16  # compared in a long video, so that fifty noisy tracks take seconds

Segmentations = Sequence[dict | None]


def distinct(tracks: Sequence[Segmentations], num_frames: int) -> list[int]:
    """Places of the tracks that are no duplicate of an earlier one that stays.

    Tracks are compared over the clip: the pixels that both cover, summed over the frames, over the pixels that one of
    them covers. Of a long video 16 frames, evenly spread, are looked at.

    Args:
        tracks: Run-length masks a frame, or None where there is none; best track first.
        num_frames: T, of each track.

    >>> square = coco_mask.encode(np.ones((8, 8), dtype=np.uint8, order="F"))
    >>> distinct([[square, None], [square, None], [None, square]], num_frames=2)
    [0, 2]
    """
    overlaps = clip_overlaps(tracks, _spread(num_frames))
    kept: list[int] = []
    for place in range(len(tracks)):
        if not (overlaps[place, kept] >= SAME_OBJECT).any():
            kept.append(place)
    return kept


def clip_overlaps(tracks: Sequence[Segmentations], frames: Sequence[int]) -> np.ndarray:
    """IoU of each two tracks over some frames, float64 `(N, N)`; 0 for two without a pixel."""
    shared = np.zeros((len(tracks), len(tracks)))
    areas = np.zeros(len(tracks))
    for frame in frames:
        there = [place for place, track in enumerate(tracks) if track[frame] is not None]
        if not there:
            continue
        masks = [tracks[place][frame] for place in there]
        sizes = coco_mask.area(masks).astype(np.float64)
        ious = coco_mask.iou(masks, masks, [0] * len(masks))
        # iou = shared / (a + b - shared)
        shared[np.ix_(there, there)] += ious * (sizes[:, None] + sizes) / (1 + ious)
        areas[there] += sizes
    either = areas[:, None] + areas - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def _spread(num_frames: int) -> list[int]:
    """At most 16 frames, from the first to the last."""
    count = min(num_frames, _MOST_FRAMES)
    return np.linspace(0, num_frames - 1, count).round().astype(int).tolist()
