"""Precision-recall curves from matches, and the recall reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from .matching import IOU_THRESHOLDS, MAX_DETECTIONS, Matches, Truths

RECALLS = np.linspace(0, 1, 101)
"""(101,) recall levels; ten of them are not i / 100 to the last bit, and look-ups depend on it."""

FEWER_DETECTIONS = (1, 10)
"""Predictions a video and category to which the recall over all sizes is also limited."""

_TINY = np.spacing(1)
_BATCH = 2**14  # predictions worked on at a time, or one category's; bounds the memory


@dataclass(frozen=True)
class Predictions:
    """The predictions that count, by category and then falling score. N predictions, A bins.

    Of a video and category, the best `MAX_DETECTIONS` count. Among equal scores, lower video ids
    come first, then the order of the file.

    Attributes:
        row: (N,) int64, number in the order of the file.
        category: (N,) int64, category id, ascending.
        rank: (N,) int64, place among those of the same video and category, from 0.
        is_outside: (N, A) bool, whether the mean area lies outside the bin.
    """

    row: np.ndarray
    category: np.ndarray
    rank: np.ndarray
    is_outside: np.ndarray

    @classmethod
    def ranked(
        cls, video: np.ndarray, category: np.ndarray, score: np.ndarray, area: np.ndarray, area_ranges: np.ndarray
    ) -> Predictions:
        """Puts predictions in order.

        Args:
            video: Video ids; like the next three, one value a prediction in the order of the file.
            category: Category ids.
            score: Scores.
            area: Mean areas in pixels.
            area_ranges: (A, 2) lowest and highest area of each bin.
        """
        row = np.lexsort((-score, video, category))
        is_new = np.ones(len(row), bool)
        is_new[1:] = (np.diff(video[row]) != 0) | (np.diff(category[row]) != 0)
        begin = np.flatnonzero(is_new)
        rank = np.arange(len(row)) - np.repeat(begin, np.diff(begin, append=len(row)))
        row, rank = row[rank < MAX_DETECTIONS], rank[rank < MAX_DETECTIONS]
        order = np.lexsort((-score[row], category[row]))
        row, rank = row[order], rank[order]
        area = area[row, None]
        low, high = area_ranges.T
        return cls(row, category[row], rank, (area < low) | (area > high))


@dataclass(frozen=True)
class Curves:
    """Curves of K categories with ground truth. A bins, T thresholds, R recall levels.

    Attributes:
        category: (K,) int64, category ids, ascending.
        ap: (K, A, T) float64, mean precision; NaN where there is nothing to find.
        recall: (K, A, T) float64, recall reached; NaN where there is nothing to find.
        recall_at_fewer: (K, L, T) float64, the same over all sizes at each of `FEWER_DETECTIONS`.
        precision: (K, T, R) float64, precision over all sizes at each recall level, 0 beyond the recall reached.
    """

    category: np.ndarray
    ap: np.ndarray
    recall: np.ndarray
    recall_at_fewer: np.ndarray
    precision: np.ndarray


def accumulate(predictions: Predictions, matches: Matches, truths: Truths) -> Curves:
    """Curves of every category with ground truth.

    Args:
        predictions: The predictions that count, of these categories.
        matches: What became of those that fit some ground truth.
        truths: The ground truths.
    """
    category, position = np.unique(truths.category, return_inverse=True)
    num_bins, num_thresholds = truths.is_ignored.shape[1], len(IOU_THRESHOLDS)
    num_targets = np.zeros((len(category), num_bins), np.int64)
    np.add.at(num_targets, position, ~truths.is_ignored)
    curves = Curves(
        category=category,
        ap=np.full((len(category), num_bins, num_thresholds), np.nan),
        recall=np.full((len(category), num_bins, num_thresholds), np.nan),
        recall_at_fewer=np.full((len(category), len(FEWER_DETECTIONS), num_thresholds), np.nan),
        precision=np.zeros((len(category), num_thresholds, len(RECALLS))),
    )
    where = np.full(int(predictions.row.max(initial=-1)) + 1, -1)
    where[matches.prediction] = np.arange(len(matches.prediction))
    edges = np.searchsorted(predictions.category, [*category, np.iinfo(np.int64).max])
    for begin, end in _batches(edges[:-1]):
        chosen = slice(edges[begin], edges[end])
        hits, misses = _outcomes(matches, where[predictions.row[chosen]], predictions.is_outside[chosen])
        part = slice(begin, end)
        bounds = edges[begin : end + 1] - edges[begin]
        _fill(curves, part, bounds, num_targets[part], hits, misses, predictions.rank[chosen])
    return curves


def _batches(begins: np.ndarray) -> Iterable[tuple[int, int]]:
    """Ranges of categories with about `_BATCH` predictions each, from where theirs begin."""
    cuts = np.flatnonzero(np.diff(begins // _BATCH)) + 1
    return pairwise([0, *cuts.tolist(), len(begins)])


def _outcomes(matches: Matches, where: np.ndarray, is_outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives, each (n, A, T) bool, of n predictions.

    Args:
        matches: What became of those that fit some ground truth.
        where: (n,) positions in `matches`, -1 for the others.
        is_outside: (n, A) bool, see `Predictions`.
    """
    shape = (*is_outside.shape, len(IOU_THRESHOLDS))
    is_hit, is_ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    known = where >= 0
    is_hit[known] = matches.is_hit[where[known]]
    is_ignored[known] = matches.is_ignored[where[known]]
    return is_hit & ~is_ignored, ~(is_hit | is_ignored | is_outside[:, :, None])


def _fill(
    curves: Curves,
    part: slice,
    bounds: np.ndarray,
    num_targets: np.ndarray,
    hits: np.ndarray,
    misses: np.ndarray,
    rank: np.ndarray,
) -> None:
    """Fills in some categories.

    Args:
        curves: To be filled in.
        part: Which categories, k of them.
        bounds: (k + 1,) where the predictions of each begin.
        num_targets: (k, A) ground truths to be found.
        hits: (n, A, T) bool, true positives by falling score within a category.
        misses: (n, A, T) bool, false positives.
        rank: (n,) place of a prediction in its video and category.
    """
    kept = num_targets > 0  # (k, A)
    found_so_far = _running(hits)
    found = found_so_far[bounds[1:]] - found_so_far[bounds[:-1]]  # (k, A, T)
    curves.recall[part][kept] = found[kept] / num_targets[kept][:, None]
    all_sizes, has_any = num_targets[:, 0], kept[:, 0]
    for column, limit in enumerate(FEWER_DETECTIONS):
        few = _running(hits[:, 0] & (rank < limit)[:, None])
        few = few[bounds[1:]] - few[bounds[:-1]]  # (k, T)
        curves.recall_at_fewer[part, column][has_any] = few[has_any] / all_sizes[has_any, None]
    best, first = _best_precision(hits, misses, found_so_far, bounds)
    for number in range(num_targets.shape[1]):
        which = np.flatnonzero(kept[:, number])
        needed = np.zeros((len(which), len(RECALLS)), np.int64)
        for place, count in enumerate(num_targets[which, number].tolist()):
            needed[place] = _hits_needed(count)
        reached = needed < np.diff(first)[which, None]
        rows = np.where(reached, first[which, None] + needed, -1)  # the last row is all 0
        precision = np.ascontiguousarray(best[rows, number].swapaxes(1, 2))  # (k', T, R)
        curves.ap[part][which, number] = precision.mean(axis=2)
        if number == 0:
            curves.precision[part][which] = precision


def _best_precision(
    hits: np.ndarray, misses: np.ndarray, found_so_far: np.ndarray, bounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The highest precision at some number of true positives or more, for each category.

    Precision peaks where a true positive is added, so only those places are looked at.

    Args:
        hits: (n, A, T) bool, as for `_fill`; so are `misses` and `bounds`.
        misses: False positives.
        found_so_far: (n + 1, A, T), running number of true positives.
        bounds: Where the predictions of each category begin.

    Returns:
        (S, A, T) float64, a row for each category and number of true positives, from 0, and a last
        row of zeros; (k + 1,) the first row of each category.
    """
    missed_so_far = _running(misses)
    found = found_so_far[bounds[1:]] - found_so_far[bounds[:-1]]
    first = np.cumsum([0, *(found.max(axis=(1, 2)) + 1)])
    best = np.zeros((int(first[-1]) + 1, *hits.shape[1:]))
    row, number, level = np.nonzero(hits)
    category = np.searchsorted(bounds, row, side="right") - 1
    begin = bounds[category]
    right = (found_so_far[row + 1, number, level] - found_so_far[begin, number, level]).astype(int)
    wrong = missed_so_far[row + 1, number, level] - missed_so_far[begin, number, level]
    best[first[category] + right, number, level] = right / (wrong + right + _TINY)
    for begin, end in pairwise(first):
        upwards = best[begin:end][::-1]
        np.maximum.accumulate(upwards, axis=0, out=upwards)
    return best, first


def _running(values: np.ndarray) -> np.ndarray:
    """(n + 1, ...) int32 running sums of (n, ...) bool values, from 0."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]), np.int32)
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


@lru_cache(maxsize=4096)
def _hits_needed(num_targets: int) -> np.ndarray:
    """(R,) int64, the fewest true positives whose recall is at least each recall level."""
    return np.searchsorted(np.arange(num_targets + 1) / num_targets, RECALLS, side="left")
