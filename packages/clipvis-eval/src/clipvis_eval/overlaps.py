"""Which predictions overlap which ground truths, found while the predictions come in.

Comparing two tracks run by run is the dearest step of the evaluation, and matching does not ask for
most of the outcomes. An IoU is left out, as if it were 0, where that provably changes no match:

* It is below every threshold. Matching compares IoUs with thresholds, all at least 0.5, and with
  other IoUs that reached one; areas alone prove most to be smaller.
* The ground truth is gone at every threshold that the IoU can reach. A prediction that fits one
  ground truth only takes it, in every bin and at all thresholds up to the IoU, unless an even better
  scored one did before. So a prediction with a lower score matters only where the ground truth can be
  free: at the thresholds above. (Crowds, and all ground truths under the published rules of BURST,
  are never gone.)
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from .ground_truth import GroundTruth, GroundTruthTrack
from .matching import IOU_THRESHOLDS, Overlaps
from .rules import Rules
from .tracks import Track, track_iou

_MAX_WAITING_FRAMES = 4096
"""Frames of predictions kept until they are compared: some ten megabytes of masks."""


class _Waiting(NamedTuple):
    row: int
    score: float
    track: Track


class OverlapFinder:
    """Compares predictions with the ground truth of their video and category.

    Predictions wait until one of another video comes, so that the best scored are compared first.
    Results of a video that do not follow each other in the file only cost time.

    Args:
        truth: What is to be found.
        rules: Whether a ground truth may be matched many times.
    """

    def __init__(self, truth: GroundTruth, rules: Rules) -> None:
        self._truths = truth.tracks
        self._match_many = rules.match_many
        self._first_truth: dict[tuple[int, int], int] = {}
        position = 0
        for pair, tracks in truth.tracks.items():
            self._first_truth[pair] = position
            position += len(tracks)
        self._video: int | None = None
        self._waiting: dict[tuple[int, int], list[_Waiting]] = defaultdict(list)
        self._frames_waiting = 0
        self._rows, self._positions, self._ious = array("q"), array("q"), array("d")

    def add(self, row: int, video: int, category: int, score: float, track: Track) -> None:
        """Takes the prediction with number `row`; rows must rise."""
        if (video, category) not in self._truths:
            return
        if video != self._video or self._frames_waiting > _MAX_WAITING_FRAMES:
            self._compare_waiting()
            self._video = video
        self._waiting[video, category].append(_Waiting(row, score, track))
        self._frames_waiting += len(track.frame_areas)

    def overlaps(self) -> Overlaps:
        """All pairs found so far; truths are numbered in the order of `GroundTruth.tracks`."""
        self._compare_waiting()
        return Overlaps(
            prediction=np.array(self._rows, np.int64),
            truth=np.array(self._positions, np.int64),
            iou=np.array(self._ious, np.float64),
        )

    def _compare_waiting(self) -> None:
        for pair, waiting in self._waiting.items():
            self._compare(waiting, self._truths[pair], self._first_truth[pair])
        self._waiting.clear()
        self._frames_waiting = 0

    def _compare(self, waiting: list[_Waiting], truths: list[GroundTruthTrack], first_truth: int) -> None:
        """Compares predictions with the ground truths of the same video and category."""
        waiting.sort(key=lambda prediction: -prediction.score)  # stable: equal scores keep order
        # The lowest threshold at which each ground truth can still be free.
        free_from = [float(IOU_THRESHOLDS[0])] * len(truths)
        for row, _, track in waiting:
            fits = []
            for g, truth in enumerate(truths):
                iou = track_iou(track, truth.track, at_least=free_from[g])
                if iou:
                    fits.append((g, iou))
                    self._rows.append(row)
                    self._positions.append(first_truth + g)
                    self._ious.append(iou)
            if len(fits) == 1 and not (self._match_many or truths[fits[0][0]].iscrowd):
                g, iou = fits[0]
                free_from[g] = _next_threshold(iou)


def _next_threshold(iou: float) -> float:
    """The lowest threshold above an IoU, infinity if there is none."""
    position = np.searchsorted(IOU_THRESHOLDS, iou, side="right")
    return float(IOU_THRESHOLDS[position]) if position < len(IOU_THRESHOLDS) else np.inf
