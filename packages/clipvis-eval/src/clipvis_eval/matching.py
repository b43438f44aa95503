"""Pairs predictions with ground truth: all videos and categories, thresholds and bins at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .ground_truth import GroundTruth, GroundTruthTrack
from .rules import Rules

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""(10,) IoU thresholds; the ninth is 0.8999999999999999, as in the published evaluators."""

MAX_DETECTIONS = 100
"""Predictions of a video and category that count at all."""

_BARS = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)


@dataclass(frozen=True)
class Bin:
    """A range of ground truth by size or occlusion; both ends belong to it.

    Attributes:
        name: Ending of the metric names ("s" in APs), "" for all.
        area: Range of the mean area in pixels.
        occlusion: Range of the occlusion score; None does not ask for it.
    """

    name: str
    area: tuple[float, float] = (0, 1e10)
    occlusion: tuple[float, float] | None = None

    def holds(self, track: GroundTruthTrack) -> bool:
        """Whether a ground truth belongs to the bin."""
        if not self.area[0] <= track.mean_area <= self.area[1]:
            return False
        if self.occlusion is None:
            return True
        score = track.occlusion
        return score is not None and self.occlusion[0] <= score <= self.occlusion[1]


AREA_BINS = (Bin(""), Bin("s", (0, 128**2)), Bin("m", (128**2, 256**2)), Bin("l", (256**2, 1e10)))
OCCLUSION_BINS = (
    Bin("_light", occlusion=(0, 0.25)),
    Bin("_medium", occlusion=(0.25, 0.5)),
    Bin("_heavy", occlusion=(0.5, 1)),
)


@dataclass(frozen=True)
class Overlaps:
    """Pairs of a prediction and a ground truth of one video and category. E pairs.

    Pairs that are not listed have an IoU too small, or otherwise proven not to matter.

    Attributes:
        prediction: (E,) int64, row of the prediction.
        truth: (E,) int64, row of the ground truth.
        iou: (E,) float64, at least the lowest threshold.
    """

    prediction: np.ndarray
    truth: np.ndarray
    iou: np.ndarray

    def __getitem__(self, index: np.ndarray) -> Overlaps:
        return Overlaps(self.prediction[index], self.truth[index], self.iou[index])


@dataclass(frozen=True)
class Truths:
    """Ground truths of a data set as columns. G ground truths, A bins.

    Attributes:
        category: (G,) int64, category id.
        pairing: (G,) int64, number of its video and category.
        is_ignored: (G, A) bool, counts neither as found nor as missed.
        is_reusable: (G,) bool, may be matched again.
        counts: (G,) bool, a prediction matched to it counts as matched.
    """

    category: np.ndarray
    pairing: np.ndarray
    is_ignored: np.ndarray
    is_reusable: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, truth: GroundTruth, bins: Sequence[Bin], rules: Rules) -> Truths:
        """Columns of the ground truths in the order of `GroundTruth.tracks`."""
        tracks = [track for pair in truth.tracks.values() for track in pair]
        sizes = [len(pair) for pair in truth.tracks.values()]
        categories = np.array([category for _, category in truth.tracks], np.int64)
        is_crowd = np.array([track.iscrowd for track in tracks], bool)
        is_ignored = ~np.array([[b.holds(t) for b in bins] for t in tracks], bool)
        is_ignored = is_ignored.reshape(len(tracks), len(bins))
        if rules.ignore_crowds:
            is_ignored |= is_crowd[:, None]
        return cls(
            category=np.repeat(categories, sizes),
            pairing=np.repeat(np.arange(len(sizes)), sizes),
            is_ignored=is_ignored,
            is_reusable=is_crowd | rules.match_many,
            counts=np.array([not (rules.id_zero_is_no_match and t.id == 0) for t in tracks], bool),
        )


@dataclass(frozen=True)
class Matches:
    """What became of the predictions that fit some ground truth. M of them, A bins, T thresholds.

    Attributes:
        prediction: (M,) int64, rows of the predictions.
        is_hit: (M, A, T) bool, matched.
        is_ignored: (M, A, T) bool, matched to an ignored ground truth.
    """

    prediction: np.ndarray
    is_hit: np.ndarray
    is_ignored: np.ndarray


def match(overlaps: Overlaps, scores: np.ndarray, truths: Truths) -> Matches:
    """Matches predictions to ground truths, each within its video and category.

    In order of falling score (equal scores in the given order), each prediction takes, of the ground truths that are
    free and overlap enough, the one with the largest IoU (the last of equal ones), and an ignored one only if no other
    fits. The tests compare with `plain_track_ap`, the loop that this vectorises.

    Args:
        overlaps: Pairs whose prediction counts.
        scores: (N,) float64 scores by row of the prediction.
        truths: The ground truths.
    """
    order = np.lexsort((overlaps.truth, overlaps.prediction, -scores[overlaps.prediction]))
    overlaps = overlaps[order]  # by falling score; one prediction's pairs lie together
    prediction, member, uses = np.unique(overlaps.prediction, return_inverse=True, return_counts=True)
    shape = (len(prediction), truths.is_ignored.shape[1], len(IOU_THRESHOLDS))
    matches = Matches(prediction, np.zeros(shape, bool), np.zeros(shape, bool))
    pairing = truths.pairing[overlaps.truth]
    is_contested = np.isin(pairing, pairing[uses[member] > 1])
    _first_come(overlaps[~is_contested], member[~is_contested], truths, matches)
    contested = np.flatnonzero(is_contested)
    contested = contested[np.argsort(pairing[contested], kind="stable")]
    for here in np.split(contested, np.flatnonzero(np.diff(pairing[contested])) + 1):
        _in_turn(overlaps[here], member[here], truths, matches)
    return matches


def _first_come(overlaps: Overlaps, member: np.ndarray, truths: Truths, matches: Matches) -> None:
    """Where each prediction fits one ground truth: the first takes it, and no bin matters.

    Args:
        overlaps: Pairs by falling score.
        member: (E,) position of each pair's prediction in `matches`.
        truths: The ground truths.
        matches: Filled in.
    """
    order = np.argsort(overlaps.truth, kind="stable")
    truth = overlaps.truth[order]
    fits = overlaps.iou[order, None] >= _BARS  # (E, T)
    before = np.concatenate([np.zeros((1, len(_BARS)), np.int64), np.cumsum(fits, axis=0)])
    begin = np.searchsorted(truth, truth)  # where the pairs of the same ground truth begin
    is_first = before[:-1] == before[begin]
    hits = fits & (is_first | truths.is_reusable[truth, None])
    member = member[order]
    matches.is_hit[member] = (hits & truths.counts[truth, None])[:, None]
    matches.is_ignored[member] = hits[:, None] & truths.is_ignored[truth, :, None]


def _in_turn(overlaps: Overlaps, member: np.ndarray, truths: Truths, matches: Matches) -> None:
    """The general case, for one video and category; arguments as for `_first_come`.

    One prediction after the other, all bins and thresholds at once.
    """
    truth, column = np.unique(overlaps.truth, return_inverse=True)  # G of them
    is_ignored = truths.is_ignored[truth].T  # (A, G)
    is_free = np.ones((len(is_ignored), len(_BARS), len(truth)), bool)
    first_bin, first_bar = np.ix_(range(len(is_ignored)), range(len(_BARS)))
    for row in dict.fromkeys(member.tolist()):
        ious = np.zeros(len(truth))
        ious[column[member == row]] = overlaps.iou[member == row]
        fits = is_free & (ious >= _BARS[:, None])  # (A, T, G)
        # Ignored ground truths rank below all others: IoUs lie in [0, 1], so 2 parts the two.
        rank = np.where(fits, ious + 2.0 * ~is_ignored[:, None], -1.0)
        best = len(truth) - 1 - np.argmax(rank[:, :, ::-1], axis=2)  # the last of equal ones
        found = np.take_along_axis(rank, best[..., None], axis=2)[..., 0] >= 0
        is_free[first_bin, first_bar, best] &= ~found | truths.is_reusable[truth][best]
        matches.is_hit[row] = found & truths.counts[truth][best]
        matches.is_ignored[row] = found & is_ignored[first_bin, best]
