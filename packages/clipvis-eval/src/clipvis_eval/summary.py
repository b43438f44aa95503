"""The 12 numbers of a benchmark (18 for OVIS): overall, by category group and by category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .curves import FEWER_DETECTIONS, Curves
from .matching import AREA_BINS, IOU_THRESHOLDS, MAX_DETECTIONS, OCCLUSION_BINS, Bin

Numbers = dict[str, float | None]
"""Metric name to fraction in [0, 1]; None without ground truth. Published recalls can exceed 1."""

_AT_50 = int(np.flatnonzero(np.isclose(IOU_THRESHOLDS, 0.5))[0])
_AT_75 = int(np.flatnonzero(np.isclose(IOU_THRESHOLDS, 0.75))[0])


def bins_of(benchmark: str) -> tuple[Bin, ...]:
    """Bins of a benchmark: by size, and for OVIS by occlusion too."""
    return AREA_BINS + OCCLUSION_BINS if benchmark == "ovis" else AREA_BINS


def metric_names(benchmark: str) -> tuple[str, ...]:
    """Names of a benchmark's numbers, in their usual order."""
    ends = [bin_.name for bin_ in bins_of(benchmark)[1:]]
    limits = (*FEWER_DETECTIONS, MAX_DETECTIONS)
    return (
        *("AP", "AP50", "AP75", *(f"AP{end}" for end in ends)),
        *(f"AR{limit}" for limit in limits),
        *(f"AR{end}" for end in ends),
    )


@dataclass(frozen=True)
class EvaluationResult:
    """Outcome of an evaluation.

    Attributes:
        benchmark: Name of the benchmark.
        protocol: "published" or "corrected".
        protocol_differences: How the published protocol departs from the corrected one.
        metrics: The benchmark's numbers over all categories with ground truth.
        groups: The same for each category group.
        per_category: The same for each category, by name.
        precision: (T, R) float64, precision averaged over the categories with ground truth.
        class_agnostic: Whether all categories were taken as one.
        min_area: Objects smaller than this many pixels were ignored.
    """

    benchmark: str
    protocol: str
    protocol_differences: tuple[str, ...]
    metrics: Numbers
    groups: dict[str, Numbers]
    per_category: dict[str, Numbers]
    precision: np.ndarray = field(repr=False)
    class_agnostic: bool = False
    min_area: float = 0.0

    def to_json(self) -> dict:
        """The content of METRICS.json."""
        return {
            "benchmark": self.benchmark,
            "protocol": self.protocol,
            "protocol_differences": list(self.protocol_differences),
            "class_agnostic": self.class_agnostic,
            "min_area": self.min_area,
            "metrics": self.metrics,
            "groups": self.groups,
            "per_category": self.per_category,
        }


def summarize(benchmark: str, curves: Curves, chosen: np.ndarray) -> Numbers:
    """A benchmark's numbers over some categories.

    Each number is the mean over all cells with ground truth of all categories; a number without any is None.

    Args:
        benchmark: Name of the benchmark.
        curves: Curves of K categories.
        chosen: (K,) bool, the categories meant.
    """
    return {name: _mean(cells[chosen]) for name, cells in _cells(benchmark, curves).items()}


def flat_numbers(result: EvaluationResult) -> dict[str, float]:
    """All numbers under one name each ("AP", "AP_base"); those without ground truth left out."""
    flat = dict(result.metrics)
    for group, numbers in result.groups.items():
        flat |= {f"{name}_{group}": value for name, value in numbers.items()}
    return {name: value for name, value in flat.items() if value is not None}


def summarize_each(benchmark: str, curves: Curves) -> dict[int, Numbers]:
    """A benchmark's numbers of each category by itself, by category id."""
    columns = []
    for cells in _cells(benchmark, curves).values():
        means = cells.mean(axis=1)
        columns.append([None if is_nan else mean for mean, is_nan in _pairs(means)])
    names = metric_names(benchmark)
    rows = zip(*columns, strict=True)
    return {
        category: dict(zip(names, row, strict=True))
        for category, row in zip(curves.category.tolist(), rows, strict=True)
    }


def _cells(benchmark: str, curves: Curves) -> dict[str, np.ndarray]:
    """(K, T or 1) values whose mean is a metric; NaN where there is nothing to find."""
    ap, fewer = curves.ap, curves.recall_at_fewer
    sizes = [(bin_.name, number) for number, bin_ in enumerate(bins_of(benchmark)) if number]
    return {
        "AP": ap[:, 0],
        "AP50": ap[:, 0, [_AT_50]],
        "AP75": ap[:, 0, [_AT_75]],
        **{f"AP{name}": ap[:, number] for name, number in sizes},
        **{f"AR{limit}": fewer[:, column] for column, limit in enumerate(FEWER_DETECTIONS)},
        f"AR{MAX_DETECTIONS}": curves.recall[:, 0],
        **{f"AR{name}": curves.recall[:, number] for name, number in sizes},
    }


def _pairs(means: np.ndarray) -> Iterable[tuple[float, bool]]:
    return zip(means.tolist(), np.isnan(means).tolist(), strict=True)


def _mean(values: np.ndarray) -> float | None:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else None


def category_labels(categories: Mapping[int, str]) -> dict[int, str]:
    """Unique names by category id: the name, with the id after it where two share one."""
    uses = Counter(categories.values())
    return {category: name if uses[name] == 1 else f"{name} (id {category})" for category, name in categories.items()}
