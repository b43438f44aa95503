"""The 12 numbers of a benchmark (18 for OVIS): overall, by category group and by category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .curves import Limit, limits_for
from .matching import AREA_BINS, IOU_THRESHOLDS, OCCLUSION_BINS, Bin

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
    return (
        *("AP", "AP50", "AP75", *(f"AP{end}" for end in ends)),
        *("AR1", "AR10", "AR100", *(f"AR{end}" for end in ends)),
    )


@dataclass(frozen=True)
class CategoryCells:
    """What is kept of a category's curves. C cells, T thresholds, R recall levels.

    Attributes:
        ap: (C, T) float64, mean precision; NaN without ground truth.
        recall: (C, T) float64, recall reached; NaN without ground truth.
        precision: (T, R) float64, the curve over all sizes at 100 predictions.
    """

    ap: np.ndarray
    recall: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True)
class EvaluationResult:
    """Outcome of a track-AP evaluation.

    Attributes:
        benchmark: Name of the benchmark.
        protocol: "published" or "corrected".
        protocol_differences: How the published protocol departs from the corrected one.
        metrics: The benchmark's numbers over all categories with ground truth.
        groups: The same for each category group.
        per_category: The same for each category, by name.
        precision: (T, R) float64, precision averaged over the categories with ground truth.
    """

    benchmark: str
    protocol: str
    protocol_differences: tuple[str, ...]
    metrics: Numbers
    groups: dict[str, Numbers]
    per_category: dict[str, Numbers]
    precision: np.ndarray = field(repr=False)

    def to_json(self) -> dict:
        """The content of METRICS.json."""
        return {
            "benchmark": self.benchmark,
            "protocol": self.protocol,
            "protocol_differences": list(self.protocol_differences),
            "metrics": self.metrics,
            "groups": self.groups,
            "per_category": self.per_category,
        }


def summarize(benchmark: str, categories: Iterable[CategoryCells]) -> Numbers:
    """A benchmark's numbers over some categories.

    Each number is the mean over all cells with ground truth of all categories; a number without any
    is None.

    Args:
        benchmark: Name of the benchmark.
        categories: The cells of each category.
    """
    names = metric_names(benchmark)
    cells = list(categories)
    if not cells:
        return dict.fromkeys(names)
    bins = bins_of(benchmark)
    limits = limits_for(len(bins))
    ap = np.stack([c.ap for c in cells])  # (K, C, T)
    recall = np.stack([c.recall for c in cells])
    numbers = {
        "AP": _mean(ap[:, 0]),
        "AP50": _mean(ap[:, 0, _AT_50]),
        "AP75": _mean(ap[:, 0, _AT_75]),
        **{f"AP{bin_.name}": _mean(ap[:, i]) for i, bin_ in enumerate(bins) if i},
        **{f"AR{n}": _mean(recall[:, limits.index(Limit(0, n))]) for n in (1, 10, 100)},
        **{f"AR{bin_.name}": _mean(recall[:, i]) for i, bin_ in enumerate(bins) if i},
    }
    return {name: numbers[name] for name in names}


def _mean(values: np.ndarray) -> float | None:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else None


def category_labels(categories: Mapping[int, str]) -> dict[int, str]:
    """Unique names by category id: the name, with the id after it where two share one."""
    uses = Counter(categories.values())
    return {
        category: name if uses[name] == 1 else f"{name} (id {category})"
        for category, name in categories.items()
    }
