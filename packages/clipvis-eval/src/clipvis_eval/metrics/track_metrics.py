"""Track AP as mmdet metrics."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import orjson
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from clipvis_data.errors import InputError

from ..collector import collector_paused
from ..faults import Faults
from ..ground_truth import load_ground_truth
from ..results_file import check_record
from ..rules import Benchmark, Protocol, default_protocol, rules_for
from ..summary import EvaluationResult
from ..track_ap import TrackEvaluator, evaluate_files
from ..whole_file import write_whole
from .track_records import track_records


@METRICS.register_module()
class TrackMetric(BaseMetric):
    """Track AP of a video benchmark, from track-level predictions.

    Masks stay run-length encoded; the processes of a distributed run hand over their records, and
    the first one evaluates.

    Args:
        benchmark: "lvvis", "ytvis2019", "ytvis2021", "ovis" or "burst".
        ann_file: Annotation file; by default the one that the dataset names in its metainfo.
        protocol: "published" or "corrected"; by default corrected for BURST, published elsewhere.
        class_agnostic: Whether all categories are taken as one; see `TrackEvaluator`.
        outfile_prefix: Where to write the result list, without its ending `.json`.
        format_only: Write the result list and do not evaluate.
        collect_device: See mmengine's `BaseMetric`.
        prefix: Prefix of the metric names in the log.

    Raises:
        InputError: An argument that does not fit.
    """

    def __init__(
        self,
        *,
        benchmark: Benchmark,
        ann_file: str | None = None,
        protocol: Protocol | None = None,
        class_agnostic: bool = False,
        outfile_prefix: str | None = None,
        format_only: bool = False,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix or benchmark)
        self.rules = rules_for(benchmark, protocol or default_protocol(benchmark))
        if format_only and outfile_prefix is None:
            raise InputError("format_only=True needs outfile_prefix, the file to write")
        self.benchmark = benchmark
        self._ann_file = ann_file
        self.protocol = protocol
        self.class_agnostic = class_agnostic
        self.outfile_prefix = outfile_prefix
        self.format_only = format_only

    @property
    def ann_file(self) -> str:
        """The ground truth.

        Raises:
            InputError: Neither the config nor the dataset has one.
        """
        ann_file = self._ann_file or (self.dataset_meta or {}).get("ann_file")
        if ann_file is None:
            raise InputError(
                "there is no ground truth to evaluate with: give the metric an ann_file, or "
                "format_only=True to write the results only"
            )
        return ann_file

    def check_ground_truth(self) -> None:
        """Reads the ground truth, so that a fault in it shows before a long run.

        Raises:
            InputError: It is missing or broken.
        """
        load_ground_truth(self.ann_file, self.benchmark, self.rules)

    @property
    def category_ids(self) -> Sequence[int] | None:
        """Category id of each label, as the dataset tells; None where it does not."""
        return (self.dataset_meta or {}).get("category_ids")

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps the records of each video.

        Args:
            data_batch: Not used.
            data_samples: `TrackDataSample`s as dicts; see `track_records`.
        """
        for sample in data_samples:
            self.results.append(track_records(sample, self.category_ids)[1])

    def compute_metrics(self, results: list[list[dict]]) -> dict[str, float]:
        """Writes and evaluates the records of all videos.

        Args:
            results: The records of each video.

        Returns:
            The benchmark's numbers as fractions, `AP_base` and so on for its groups; those without
            ground truth are left out.
        """
        records = [record for video in results for record in video]
        if self.outfile_prefix is not None:
            write_whole(orjson.dumps(records), f"{self.outfile_prefix}.json")
        if self.format_only:
            return OrderedDict()
        return flat_numbers(self._evaluate(records))

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

    def _evaluate(self, records: Iterable[dict]) -> EvaluationResult:
        with collector_paused():
            truth = load_ground_truth(self.ann_file, self.benchmark, self.rules)
            evaluator = TrackEvaluator(
                truth,
                benchmark=self.benchmark,
                protocol=self.protocol,
                class_agnostic=self.class_agnostic,
            )
            remedy = f"is {truth.source} the data set that was tested?"
            faults = Faults("the model's output", remedy)
            for index, record in enumerate(records):
                try:
                    evaluator.add(check_record(record, truth))
                except ValueError as error:
                    faults.add(f"record {index}", str(error))
            faults.raise_if_any()
            return evaluator.evaluate()


def flat_numbers(result: EvaluationResult) -> dict[str, float]:
    """All numbers under one name each ("AP", "AP_base"); those without ground truth left out."""
    flat = dict(result.metrics)
    for group, numbers in result.groups.items():
        flat |= {f"{name}_{group}": value for name, value in numbers.items()}
    return OrderedDict((name, value) for name, value in flat.items() if value is not None)


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
