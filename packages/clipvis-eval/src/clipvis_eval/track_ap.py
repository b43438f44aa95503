"""Track AP: the evaluator that all video benchmarks share.

Predictions are taken one at a time. Each is compared at once with the ground truth of its video and
category and only its score, mean area and IoUs are kept, so that memory does not grow with the size
of the result file.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .curves import accumulate, limits_for
from .ground_truth import GroundTruth, load_ground_truth
from .matching import IOU_THRESHOLDS, Matches, match
from .results_file import Prediction, iterate_predictions
from .rules import Benchmark, Protocol, default_protocol, published_faults, rules_for
from .summary import (
    CategoryCells,
    EvaluationResult,
    Numbers,
    bins_of,
    category_labels,
    summarize,
)
from .tracks import Track, iou_bounds, track_iou


class TrackEvaluator:
    """Evaluates predictions against the ground truth of one benchmark.

    Args:
        ground_truth: What is to be found; its mean areas must come from the same rules.
        benchmark: Name of the benchmark.
        protocol: "published" gives the figures of the published evaluator with its faults,
            "corrected" mends them.

    Attributes:
        seconds: CPU seconds spent in each phase.

    Example:
        >>> evaluator = TrackEvaluator(ground_truth, benchmark="lvvis")  # doctest: +SKIP
        >>> for prediction in predictions:  # doctest: +SKIP
        ...     evaluator.add(prediction)
        >>> evaluator.evaluate().metrics["AP"]  # doctest: +SKIP
    """

    def __init__(
        self,
        ground_truth: GroundTruth,
        *,
        benchmark: Benchmark,
        protocol: Protocol | None = None,
    ) -> None:
        self.ground_truth = ground_truth
        self.benchmark = benchmark
        self.protocol = protocol or default_protocol(benchmark)
        self.rules = rules_for(benchmark, self.protocol)
        self.seconds: Counter[str] = Counter()
        self._bins = bins_of(benchmark)
        self._found: dict[int, dict[int, _Pairing]] = defaultdict(dict)
        for video_id, category_id in ground_truth.tracks:
            self._found[category_id][video_id] = _Pairing(
                ground_truth.tracks[video_id, category_id]
            )

    def add(self, prediction: Prediction) -> None:
        """Takes one prediction; the order of predictions with equal scores matters."""
        pairings = self._found.get(prediction.category_id)
        if pairings is None:
            return  # no ground truth of this category anywhere: it is left out of every mean
        video = self.ground_truth.videos[prediction.video_id]
        track = Track(prediction.masks, video.height, video.width)
        start = time.process_time()
        if video.id not in pairings:
            pairings[video.id] = _Pairing(())
        area = track.mean_area if self.rules.measure_predictions else 0.0
        pairings[video.id].add(prediction.score, area, track)
        self.seconds["iou"] += time.process_time() - start

    def evaluate(self) -> EvaluationResult:
        """The numbers over the predictions taken so far."""
        limits = limits_for(len(self._bins))
        cells: dict[int, CategoryCells] = {}
        for category_id, pairings in self._found.items():
            with self._timed("match"):
                matches = [
                    pairings[video].match(self._bins, self.rules) for video in sorted(pairings)
                ]
            with self._timed("accumulate"):
                cells[category_id] = _cells(matches, limits)
        with self._timed("summarize"):
            return self._summarize(cells)

    def _summarize(self, cells: dict[int, CategoryCells]) -> EvaluationResult:
        truth = self.ground_truth
        labels = category_labels(truth.categories)
        groups: dict[str, Numbers] = {
            name: summarize(self.benchmark, [cells[i] for i in sorted(cells) if i in members])
            for name, members in truth.groups.items()
        }
        per_category = {
            label: summarize(self.benchmark, [cells[i]] if i in cells else [])
            for i, label in labels.items()
        }
        scored = [c.precision for c in cells.values() if not np.isnan(c.ap[0]).any()]
        precision = np.mean(scored, axis=0) if scored else np.zeros((len(IOU_THRESHOLDS), 101))
        return EvaluationResult(
            benchmark=self.benchmark,
            protocol=self.protocol,
            protocol_differences=published_faults(self.benchmark),
            metrics=summarize(self.benchmark, [cells[i] for i in sorted(cells)]),
            groups=groups,
            per_category=per_category,
            precision=precision,
        )

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[phase] += time.process_time() - start


class _Pairing:
    """Ground truth and predictions of one video and category."""

    __slots__ = ("_areas", "_frame_areas", "_ious", "_scores", "truths")

    def __init__(self, truths: Sequence) -> None:
        self.truths = truths
        self._frame_areas = np.stack([t.track.frame_areas for t in truths]) if truths else None
        self._scores: list[float] = []
        self._areas: list[float] = []
        self._ious: list[np.ndarray] = []

    def add(self, score: float, area: float, track: Track) -> None:
        self._scores.append(score)
        self._areas.append(area)
        if not self.truths:
            return
        ious = np.zeros(len(self.truths))
        # An IoU below the lowest threshold is never looked at, so most need not be known.
        for g in np.flatnonzero(iou_bounds(track, self._frame_areas) >= IOU_THRESHOLDS[0]):
            ious[g] = track_iou(track, self.truths[g].track)
        self._ious.append(ious)

    def match(self, bins: Sequence, rules: object) -> Matches:
        ious = np.array(self._ious).reshape(len(self._scores), len(self.truths))
        return match(np.array(self._scores), np.array(self._areas), ious, self.truths, bins, rules)


def _cells(matches: Sequence[Matches], limits: Sequence) -> CategoryCells:
    curves = accumulate(matches, limits)
    gap = np.where(curves.has_targets, 0.0, np.nan)[:, None]
    return CategoryCells(
        ap=curves.precision.mean(axis=2) + gap,
        recall=curves.recall + gap,
        precision=curves.precision[0],
    )


def evaluate_files(
    ground_truth: str | Path,
    results: str | Path,
    *,
    benchmark: Benchmark,
    protocol: Protocol | None = None,
    progress: bool = False,
) -> EvaluationResult:
    """Evaluates a result file.

    Args:
        ground_truth: Annotation file in the YouTube-VIS form.
        results: Result list in the YouTube-VIS form; an empty list is legal.
        benchmark: Benchmark whose rules and groups apply.
        protocol: "published" or "corrected"; by default corrected for BURST, published elsewhere.
        progress: Whether to show a progress bar.

    Raises:
        InputError: A file that is missing, broken or of another data set; the line names the first
            bad record and counts the others.
    """
    rules = rules_for(benchmark, protocol or default_protocol(benchmark))
    truth = load_ground_truth(ground_truth, benchmark, rules)
    evaluator = TrackEvaluator(truth, benchmark=benchmark, protocol=protocol)
    for prediction in iterate_predictions(results, truth, progress=progress):
        evaluator.add(prediction)
    return evaluator.evaluate()
