"""Pairs predictions with ground truth: one video, one category, all thresholds and bins at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .ground_truth import GroundTruthTrack
from .rules import Rules

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""(10,) IoU thresholds; the ninth is 0.8999999999999999, as in the published evaluators."""

MAX_DETECTIONS = 100
"""Predictions of a video and category that count at all."""

_HIGHEST_BAR = 1 - 1e-10


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


AREA_BINS = (
    Bin(""),
    Bin("s", (0, 128**2)),
    Bin("m", (128**2, 256**2)),
    Bin("l", (256**2, 1e10)),
)
OCCLUSION_BINS = (
    Bin("_light", occlusion=(0, 0.25)),
    Bin("_medium", occlusion=(0.25, 0.5)),
    Bin("_heavy", occlusion=(0.5, 1)),
)


@dataclass(frozen=True)
class Matches:
    """What became of the predictions of one video and category.

    D predictions, A bins, T thresholds.

    Attributes:
        scores: (D,) float64, descending.
        is_hit: (D, A, T) bool, matched.
        is_ignored: (D, A, T) bool, counts neither as right nor as wrong.
        num_targets: (A,) int64, ground truths to be found.
    """

    scores: np.ndarray
    is_hit: np.ndarray
    is_ignored: np.ndarray
    num_targets: np.ndarray


def match(
    scores: np.ndarray,
    areas: np.ndarray,
    ious: np.ndarray,
    truths: Sequence[GroundTruthTrack],
    bins: Sequence[Bin],
    rules: Rules,
) -> Matches:
    """Matches the predictions of one video and category to its ground truths.

    In order of falling score (equal scores in the given order), each prediction takes, of the
    ground truths that are free and overlap enough, the one with the largest IoU (the last of equal
    ones), and an ignored one only if no other fits. EVAL.md 1.4 describes the loop that this
    vectorises.

    Args:
        scores: (N,) float64 scores in file order; the best `MAX_DETECTIONS` are kept.
        areas: (N,) float64 mean areas in pixels.
        ious: (N, G) float64 IoUs; values below the lowest threshold may be 0 instead.
        truths: The G ground truths.
        bins: A bins.
        rules: Differences between the protocols.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_DETECTIONS]
    low, high = np.array([bin_.area for bin_ in bins]).T
    outside = (areas[order, None] < low) | (areas[order, None] > high)  # (D, A)
    shape = (len(order), len(bins), len(IOU_THRESHOLDS))
    is_hit = np.zeros(shape, bool)
    is_ignored = np.zeros(shape, bool)
    num_targets = np.zeros(len(bins), np.int64)
    if truths:
        ignored = ~np.array([[b.holds(t) for t in truths] for b in bins])
        if rules.ignore_crowds:
            ignored |= [truth.iscrowd for truth in truths]
        num_targets += np.count_nonzero(~ignored, axis=1)
        _assign(ious[order], ignored, truths, rules, is_hit, is_ignored)
    is_ignored |= ~is_hit & outside[:, :, None]
    return Matches(scores[order], is_hit, is_ignored, num_targets)


def _assign(
    ious: np.ndarray,
    ignored: np.ndarray,
    truths: Sequence[GroundTruthTrack],
    rules: Rules,
    is_hit: np.ndarray,
    is_ignored: np.ndarray,
) -> None:
    """Fills `is_hit` and, for predictions on ignored ground truths, `is_ignored`."""
    bars = np.minimum(IOU_THRESHOLDS, _HIGHEST_BAR)
    overlaps = ious >= bars[0]
    if not overlaps.any():
        return
    reusable = np.array([rules.match_many or truth.iscrowd for truth in truths])
    counts = np.array([not (rules.id_zero_is_no_match and truth.id == 0) for truth in truths])
    if (overlaps.sum(axis=1) <= 1).all():
        hits = _first_come(ious, bars, reusable)  # (D, G, T)
        is_hit[:] = (hits & counts[:, None]).any(axis=1)[:, None]
        is_ignored[:] = (hits[:, None] & ignored[:, :, None]).any(axis=2)
    else:
        _contested(ious, bars, ignored, reusable, counts, is_hit, is_ignored)


def _first_come(ious: np.ndarray, bars: np.ndarray, reusable: np.ndarray) -> np.ndarray:
    """Who takes what where each prediction fits one ground truth at most: no bin matters then.

    Args:
        ious: (D, G) IoUs, in order of falling score.
        bars: (T,) thresholds.
        reusable: (G,) whether a ground truth may be taken again.

    Returns:
        (D, G, T) bool.
    """
    fits = ious[:, :, None] >= bars
    is_first = np.cumsum(fits, axis=0) == 1
    return fits & (is_first | reusable[:, None])


def _contested(
    ious: np.ndarray,
    bars: np.ndarray,
    ignored: np.ndarray,
    reusable: np.ndarray,
    counts: np.ndarray,
    is_hit: np.ndarray,
    is_ignored: np.ndarray,
) -> None:
    """The general case: one prediction after the other, all bins and thresholds at once."""
    num_bins, num_truths = ignored.shape
    is_free = np.ones((num_bins, len(bars), num_truths), bool)
    first_bin, first_bar = np.ix_(range(num_bins), range(len(bars)))
    for d in np.flatnonzero((ious >= bars[0]).any(axis=1)):
        fits = is_free & (ious[d] >= bars[:, None])  # (A, T, G)
        # Ignored ground truths rank below all others: IoUs lie in [0, 1], so 2 parts the two.
        rank = np.where(fits, ious[d] + 2.0 * ~ignored[:, None], -1.0)
        best = num_truths - 1 - np.argmax(rank[:, :, ::-1], axis=2)  # the last of equal ones
        found = np.take_along_axis(rank, best[..., None], axis=2)[..., 0] >= 0
        is_free[first_bin, first_bar, best] &= ~found | reusable[best]
        is_hit[d] = found & counts[best]
        is_ignored[d] = found & ignored[first_bin, best]
