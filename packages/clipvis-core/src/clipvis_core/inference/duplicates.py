"""One thing once: which tracks are shown of those that cover the same thing, or flicker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask

from clipvis_core.tracking.tracks import shown_score

SAME_OBJECT = 0.7  # least IoU over the clip of two tracks on one object, whatever they are called
SAME_THING = 0.6  # least share of the smaller of two tracks of one name that lies in the other, if they are one thing
SHORTEST_RUN = 3  # frames in a row that a track has to be seen once; a quarter of a shorter video
_MOST_FRAMES = 16  # compared in a long video, so that fifty noisy tracks take seconds

Segmentations = Sequence[dict | None]


def distinct(tracks: Sequence[Segmentations], labels: Sequence[int], num_frames: int) -> list[int]:
    """Places of the tracks that are no duplicate and no part of an earlier one that stays.

    Tracks are compared over the clip: the pixels that both cover, summed over the frames. A track goes if its IoU with
    a better one reaches `SAME_OBJECT`, or if both have one name and `SAME_THING` of the smaller lies in the other. Of a
    long video 16 frames, evenly spread, are looked at.

    Args:
        tracks: Run-length masks a frame, or None where there is none; best track first.
        labels: Category of each.
        num_frames: T, of each track.

    >>> square = coco_mask.encode(np.ones((8, 8), dtype=np.uint8, order="F"))
    >>> distinct([[square, None], [square, None], [None, square]], [0, 1, 0], num_frames=2)
    [0, 2]
    """
    shared, areas = clip_areas(tracks, _spread(num_frames))
    ious = _ratio(shared, areas[:, None] + areas - shared)
    inside = _ratio(shared, np.minimum(areas[:, None], areas))
    names = np.asarray(labels)
    one_thing = (ious >= SAME_OBJECT) | ((names[:, None] == names) & (inside >= SAME_THING))
    kept: list[int] = []
    for place in range(len(tracks)):
        if not one_thing[place, kept].any():
            kept.append(place)
    return kept


def distinct_records(records: Sequence[dict]) -> list[dict]:
    """The records of one frame (`FrameTracks.records`), best first, without duplicates and parts within it."""
    best_first = sorted(records, key=shown_score, reverse=True)
    masks = [[record["segmentation"]] for record in best_first]
    kept = distinct(masks, [record["category_id"] for record in best_first], 1)
    return [best_first[place] for place in kept]


def is_steady(track: Segmentations, num_frames: int) -> bool:
    """Whether a track is once seen in `SHORTEST_RUN` frames in a row, or a quarter of the video if that is less.

    >>> square = coco_mask.encode(np.ones((8, 8), dtype=np.uint8, order="F"))
    >>> is_steady([square, None, square, None] * 5, 20), is_steady([None] * 17 + [square] * 3, 20)
    (False, True)
    """
    run, enough = 0, min(SHORTEST_RUN, -(-num_frames // 4))
    for t in range(num_frames):
        run = 0 if track[t] is None else run + 1
        if run >= enough:
            return True
    return False


def clip_areas(tracks: Sequence[Segmentations], frames: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels that each two tracks share over some frames, float64 `(N, N)`, and those that each covers, `(N,)`."""
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
    return shared, areas


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Element by element; 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _spread(num_frames: int) -> list[int]:
    """At most 16 frames, from the first to the last."""
    count = min(num_frames, _MOST_FRAMES)
    return np.linspace(0, num_frames - 1, count).round().astype(int).tolist()
