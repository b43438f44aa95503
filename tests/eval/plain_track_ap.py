"""Track AP as its definition reads, loop by loop, on dense masks: what `track_ap` must equal.

Corrected rules, areas from the masks. For tests and for reading: it is far too slow for use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from clipvis_eval.curves import RECALLS
from clipvis_eval.matching import IOU_THRESHOLDS, MAX_DETECTIONS

AREA_RANGES = {"": (0, 1e10), "s": (0, 128**2), "m": (128**2, 256**2), "l": (256**2, 1e10)}


@dataclass(frozen=True, eq=False)
class PlainTrack:
    """A prediction or a ground truth; `masks` is (T, H, W) bool."""

    video_id: int
    category_id: int
    masks: np.ndarray
    score: float = 1.0
    iscrowd: bool = False

    @cached_property
    def mean_area(self) -> float:
        """Mean pixels over the frames that have any."""
        areas = [int(mask.sum()) for mask in self.masks if mask.any()]
        return sum(areas) / len(areas) if areas else 0.0


def plain_track_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Summed intersection over summed union of two (T, H, W) bool tracks, 0 if both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


@lru_cache(maxsize=1024)
def _iou(one: PlainTrack, other: PlainTrack) -> float:
    return plain_track_iou(one.masks, other.masks)


def plain_metrics(predictions: Sequence[PlainTrack], truths: Sequence[PlainTrack]) -> dict[str, float | None]:
    """The 12 numbers over all categories; None where there is no ground truth."""
    cells: dict[str, list[float]] = {name: [] for name in ("AP", "AP50", "AP75", "AR1", "AR10")}
    for category in sorted({truth.category_id for truth in truths}):
        for end, area in AREA_RANGES.items():
            for limit in (1, 10, 100) if not end else (100,):
                for position, threshold in enumerate(IOU_THRESHOLDS):
                    rows, targets = _rows(predictions, truths, category, threshold, area, limit)
                    if not targets:
                        continue
                    curve, recall = _curve(rows, targets)
                    cells.setdefault(f"AR{end or limit}", []).append(recall)
                    if limit == 100:
                        cells.setdefault(f"AP{end}", []).append(float(np.mean(curve)))
                    if limit == 100 and not end and position in (0, 5):
                        cells["AP75" if position else "AP50"].append(float(np.mean(curve)))
    names = [*cells, *(f"{kind}{end}" for kind in ("AP", "AR") for end in ("s", "m", "l", "100"))]
    names = [name for name in dict.fromkeys(names) if name != "AP100"]
    return {name: float(np.mean(cells[name])) if cells.get(name) else None for name in names}


Row = tuple[float, bool, bool]  # score, is a hit, is ignored


def _rows(
    predictions: Sequence[PlainTrack],
    truths: Sequence[PlainTrack],
    category: int,
    threshold: float,
    area: tuple[float, float],
    limit: int,
) -> tuple[list[Row], int]:
    """Rows of all videos in ascending id, and the number of targets."""
    rows, targets = [], 0
    for video in sorted({track.video_id for track in (*predictions, *truths)}):

        def here(tracks: Sequence[PlainTrack], video: int = video) -> list[PlainTrack]:
            return [t for t in tracks if (t.video_id, t.category_id) == (video, category)]

        video_rows, count = _match_video(here(predictions), here(truths), threshold, area)
        rows += video_rows[:limit]
        targets += count
    return rows, targets


def _match_video(
    predictions: list[PlainTrack], truths: list[PlainTrack], threshold: float, area: tuple[float, float]
) -> tuple[list[Row], int]:
    ignored = [t.iscrowd or not area[0] <= t.mean_area <= area[1] for t in truths]
    order = sorted(range(len(truths)), key=lambda g: ignored[g])
    taken: set[int] = set()
    rows = []
    for prediction in sorted(predictions, key=lambda p: -p.score)[:MAX_DETECTIONS]:
        bar, best = min(threshold, 1 - 1e-10), None
        for g in order:
            if g in taken and not truths[g].iscrowd:
                continue
            if best is not None and not ignored[best] and ignored[g]:
                break
            iou = _iou(prediction, truths[g])
            if iou >= bar:
                bar, best = iou, g
        if best is None:
            rows.append((prediction.score, False, not area[0] <= prediction.mean_area <= area[1]))
        else:
            taken.add(best)
            rows.append((prediction.score, True, ignored[best]))
    return rows, ignored.count(False)


def _curve(rows: Iterable[Row], targets: int) -> tuple[list[float], float]:
    """Precision at the recall levels, and the recall reached."""
    hits, misses, points = 0, 0, []
    for _, is_hit, is_ignored in sorted(rows, key=lambda row: -row[0]):
        if not is_ignored:
            hits, misses = hits + is_hit, misses + (not is_hit)
        points.append((hits / targets, hits / (hits + misses + np.spacing(1))))
    return [max((p for r, p in points if r >= level), default=0.0) for level in RECALLS], hits / targets
