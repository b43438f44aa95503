"""Precision-recall curves from matches, and the recall reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .matching import Matches

RECALLS = np.linspace(0, 1, 101)
"""(101,) recall levels; ten of them are not i / 100 to the last bit, and look-ups depend on it."""

_TINY = np.spacing(1)


@dataclass(frozen=True)
class Limit:
    """One way to cut the predictions: bin `bin` (a position) and the best `count` of each video."""

    bin: int
    count: int


def limits_for(num_bins: int) -> tuple[Limit, ...]:
    """The cells that the summary reads: every bin at 100 predictions, and all sizes at 1 and 10."""
    return (*(Limit(b, 100) for b in range(num_bins)), Limit(0, 1), Limit(0, 10))


@dataclass(frozen=True)
class Curves:
    """Curves of one category. C cells (bin and limit), T thresholds, R recall levels.

    Attributes:
        precision: (C, T, R) float64, precision at each recall level, 0 beyond the recall reached.
        recall: (C, T) float64, recall reached.
        has_targets: (C,) bool, whether there is anything to find; the rest is 0 where not.
    """

    precision: np.ndarray
    recall: np.ndarray
    has_targets: np.ndarray


def accumulate(matches: Sequence[Matches], limits: Sequence[Limit]) -> Curves:
    """Curves of one category over all its videos.

    Args:
        matches: Matches of each video with predictions or ground truth, in ascending order of video
            id: predictions of equal score keep this order.
        limits: The C cells.
    """
    bins = np.array([limit.bin for limit in limits])
    counts = np.array([limit.count for limit in limits])
    scores = np.concatenate([m.scores for m in matches])
    order = np.argsort(-scores, kind="stable")
    rank = np.concatenate([np.arange(len(m.scores)) for m in matches])[order]
    is_hit = np.concatenate([m.is_hit for m in matches])[order][:, bins]  # (N, C, T)
    is_ignored = np.concatenate([m.is_ignored for m in matches])[order][:, bins]
    is_used = ~is_ignored & (rank[:, None] < counts)[:, :, None]
    targets = np.sum([m.num_targets for m in matches], axis=0)[bins]  # (C,)

    num_cells, num_thresholds = is_hit.shape[1:]
    shape = (len(order), num_cells * num_thresholds)
    hits = (is_hit & is_used).reshape(shape)
    true_positives = np.cumsum(hits, axis=0, dtype=np.int64)
    false_positives = np.cumsum((~is_hit & is_used).reshape(shape), axis=0, dtype=np.int64)
    found = true_positives[-1] if len(order) else np.zeros(shape[1], np.int64)
    # best[n, c] becomes the highest precision at n or more true positives. Precision peaks where a
    # true positive is added, so only those places are looked at.
    best = np.zeros((int(found.max()) + 1, shape[1]))
    row, column = np.nonzero(hits)
    right, wrong = true_positives[row, column], false_positives[row, column]
    best[right, column] = right / (wrong + right + _TINY)
    best = np.maximum.accumulate(best[::-1], axis=0)[::-1]

    precision = np.zeros((num_cells, num_thresholds, len(RECALLS)))
    for cell, count in enumerate(targets):
        if count:
            columns = slice(cell * num_thresholds, (cell + 1) * num_thresholds)
            needed = _hits_needed(int(count))
            reached = needed < len(best)
            precision[cell][:, reached] = best[needed[reached], columns].T
    recall = found.reshape(num_cells, num_thresholds) / np.maximum(targets, 1)[:, None]
    return Curves(precision, recall, targets > 0)


def _hits_needed(num_targets: int) -> np.ndarray:
    """(R,) int64, the fewest true positives whose recall is at least each recall level."""
    return np.searchsorted(np.arange(num_targets + 1) / num_targets, RECALLS, side="left")
