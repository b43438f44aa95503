"""Track AP as mmdet metrics."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from mmdet.registry import METRICS

from clipvis_core.foundation.collector import collector_paused
from clipvis_core.foundation.errors import InputError

from ..ground_truth import load_ground_truth
from ..rules import Benchmark, Protocol, default_protocol, rules_for
from ..summary import EvaluationResult, flat_numbers
from ..track_ap import TrackEvaluator, evaluate_files
from .track_records import TrackListMetric


@METRICS.register_module()
class TrackMetric(TrackListMetric):
    """Track AP of a video benchmark, from track-level predictions; masks stay run-length encoded.

    Args:
        benchmark: "lvvis", "ytvis2019", "ytvis2021", "ovis" or "burst".
        protocol: "published" or "corrected"; by default corrected for BURST, published elsewhere.
        **kwargs: See `ResultListMetric`; `class_agnostic` is explained at `TrackEvaluator`.

    Raises:
        InputError: An argument that does not fit.
    """

    def __init__(self, *, benchmark: Benchmark, protocol: Protocol | None = None, **kwargs: Any) -> None:
        self.rules = rules_for(benchmark, protocol or default_protocol(benchmark))
        super().__init__(benchmark=benchmark, **kwargs)
        self.protocol = protocol

    def check_ground_truth(self) -> None:
        """Reads the ground truth, so that a fault in it shows before a long run.

        Raises:
            InputError: It is missing or broken.
        """
        load_ground_truth(self.ann_file, self.benchmark, self.rules)

    def evaluate_file(self, results: str | Path) -> EvaluationResult:
        """Evaluates a result list that is already on disk."""
        return evaluate_files(
            self.ann_file,
            results,
            benchmark=self.benchmark,
            protocol=self.protocol,
            class_agnostic=self.class_agnostic,
            progress=True,
        )

    def evaluate_records(self, records: Iterable[dict]) -> dict[str, float]:
        """The benchmark's numbers, and `AP_base` and so on for its groups."""
        with collector_paused():
            truth = load_ground_truth(self.ann_file, self.benchmark, self.rules)
            evaluator = TrackEvaluator(
                truth, benchmark=self.benchmark, protocol=self.protocol, class_agnostic=self.class_agnostic
            )
            for prediction in self.predictions(records, truth):
                evaluator.add(prediction)
            return flat_numbers(evaluator.evaluate())


@METRICS.register_module()
class YTVISTrackMetric(TrackMetric):
    """Track AP of YouTube-VIS 2019 or 2021.

    Args:
        year: 2019 or 2021; decides the base and novel categories.
        **kwargs: See `TrackMetric`.
    """

    def __init__(self, *, year: int = 2019, **kwargs: Any) -> None:
        if f"ytvis{year}" not in get_args(Benchmark):
            raise InputError(f"there is no YouTube-VIS {year} here; year must be 2019 or 2021")
        super().__init__(benchmark=f"ytvis{year}", **kwargs)


@METRICS.register_module()
class OVISTrackMetric(TrackMetric):
    """Track AP of OVIS, with the bins of light, medium and heavy occlusion.

    Args:
        **kwargs: See `TrackMetric`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(benchmark="ovis", **kwargs)


@METRICS.register_module()
class LVVISTrackMetric(TrackMetric):
    """Track AP of LV-VIS, over base and novel categories.

    Args:
        **kwargs: See `TrackMetric`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(benchmark="lvvis", **kwargs)


@METRICS.register_module()
class BURSTTrackMetric(TrackMetric):
    """Track AP of BURST (not its own HOTA), by base and novel, common and uncommon categories.

    Args:
        **kwargs: See `TrackMetric`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(benchmark="burst", **kwargs)
