"""Track AP: the evaluator that all video benchmarks share.

Predictions are taken one at a time. They are compared with the ground truth of their video and category as soon as a
video's are together, and only scores, mean areas and IoUs are kept, so that memory does not grow with the size of the
result file. Then a few passes over whole columns match and accumulate all videos and categories at once.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from clipvis_core.foundation.collector import collector_paused

from .curves import Curves, Predictions, accumulate
from .ground_truth import ANY_OBJECT, GroundTruth, load_ground_truth
from .matching import Truths, match
from .overlaps import OverlapFinder
from .results_file import Prediction, iterate_predictions
from .rules import Benchmark, Protocol, default_protocol, published_faults, rules_for
from .summary import EvaluationResult, bins_of, category_labels, metric_names, summarize, summarize_each
from .tracks import Track


class TrackEvaluator:
    """Evaluates predictions against the ground truth of one benchmark.

    Args:
        ground_truth: What is to be found; its mean areas must come from the same rules.
        benchmark: Name of the benchmark.
        protocol: "published" gives the figures of the published evaluator with its faults, "corrected" fixes them.
        class_agnostic: Whether all categories, annotated and predicted, are taken as one. A video's 100 best
            predictions then count, and an object that was found under two categories is a hit and a false alarm.

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
        class_agnostic: bool = False,
    ) -> None:
        self.class_agnostic = class_agnostic
        if class_agnostic:
            ground_truth = ground_truth.as_one_category()
        self.ground_truth = ground_truth
        self.benchmark = benchmark
        self.protocol = protocol or default_protocol(benchmark)
        self.rules = rules_for(benchmark, self.protocol)
        self.seconds: Counter[str] = Counter()
        self._categories = {category for _, category in ground_truth.tracks}
        self._finder = OverlapFinder(ground_truth, self.rules)
        self._video, self._category = array("q"), array("q")
        self._score, self._area = array("d"), array("d")

    def add(self, prediction: Prediction) -> None:
        """Takes one prediction; the order of predictions with equal scores matters."""
        video_id, score = prediction.video_id, prediction.score
        category_id = ANY_OBJECT if self.class_agnostic else prediction.category_id
        if category_id not in self._categories:
            return  # no ground truth of this category anywhere: it is left out of every mean
        track = Track(prediction.masks)
        start = time.process_time()
        self._finder.add(len(self._score), video_id, category_id, score, track)
        self.seconds["iou"] += time.process_time() - start
        self._video.append(video_id)
        self._category.append(category_id)
        self._score.append(score)
        self._area.append(track.mean_area if self.rules.measure_predictions else 0.0)

    def evaluate(self) -> EvaluationResult:
        """The numbers over the predictions taken so far."""
        with self._timed("iou"):
            overlaps = self._finder.overlaps()
        with self._timed("match"):
            bins = bins_of(self.benchmark)
            truths = Truths.of(self.ground_truth, bins, self.rules)
            scores = np.array(self._score)
            predictions = Predictions.ranked(
                video=np.array(self._video, np.int64),
                category=np.array(self._category, np.int64),
                score=scores,
                area=np.array(self._area),
                area_ranges=np.array([bin_.area for bin_ in bins]),
            )
            counted = overlaps[np.isin(overlaps.prediction, predictions.row)]
            matches = match(counted, scores, truths)
        with self._timed("accumulate"):
            curves = accumulate(predictions, matches, truths)
        with self._timed("summarize"):
            return self._summarize(curves)

    def _summarize(self, curves: Curves) -> EvaluationResult:
        truth = self.ground_truth
        numbers = summarize_each(self.benchmark, curves)
        nothing = dict.fromkeys(metric_names(self.benchmark))
        labels = category_labels(truth.categories)
        is_scored = ~np.isnan(curves.ap[:, 0, 0])
        return EvaluationResult(
            benchmark=self.benchmark,
            protocol=self.protocol,
            protocol_differences=published_faults(self.benchmark),
            metrics=summarize(self.benchmark, curves, np.ones(len(curves.category), bool)),
            groups={
                name: summarize(self.benchmark, curves, np.isin(curves.category, list(members)))
                for name, members in truth.groups.items()
            },
            per_category={label: numbers.get(i) or dict(nothing) for i, label in labels.items()},
            precision=curves.precision[is_scored].sum(axis=0) / max(1, is_scored.sum()),
            class_agnostic=self.class_agnostic,
        )

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[phase] += time.process_time() - start


def evaluate_files(
    ground_truth: str | Path,
    results: str | Path,
    *,
    benchmark: Benchmark,
    protocol: Protocol | None = None,
    class_agnostic: bool = False,
    progress: bool = False,
) -> EvaluationResult:
    """Evaluates a result file.

    Args:
        ground_truth: Annotation file in the YouTube-VIS form.
        results: Result list in the YouTube-VIS form; an empty list is legal.
        benchmark: Benchmark whose rules and groups apply.
        protocol: "published" or "corrected"; by default corrected for BURST, published elsewhere.
        class_agnostic: See `TrackEvaluator`.
        progress: Whether to show a progress bar.

    Raises:
        InputError: A file that is missing, broken or of another data set; the line names the first
            bad record and counts the others.
    """
    rules = rules_for(benchmark, protocol or default_protocol(benchmark))
    with collector_paused():
        truth = load_ground_truth(ground_truth, benchmark, rules)
        evaluator = TrackEvaluator(truth, benchmark=benchmark, protocol=protocol, class_agnostic=class_agnostic)
        for prediction in iterate_predictions(results, truth, progress=progress):
            evaluator.add(prediction)
        return evaluator.evaluate()
