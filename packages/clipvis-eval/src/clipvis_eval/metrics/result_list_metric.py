"""What the metrics of tracks and of images share: a result list that is written, evaluated, or both."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import orjson
from mmengine.evaluator import BaseMetric

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole


class ResultListMetric(BaseMetric):
    """A metric over a json list of results.

    The processes of a distributed run hand over their records, and the first one writes and evaluates.

    Args:
        benchmark: Name of the benchmark; the prefix of the numbers in the log unless `prefix` is given.
        ann_file: Annotation file; by default the one that the dataset names in its metainfo.
        class_agnostic: Whether all categories are taken as one.
        outfile_prefix: Where to write the result list, without its ending `.json`; folders are made.
        format_only: Write the result list and do not evaluate.
        collect_device: See mmengine's `BaseMetric`.
        prefix: Prefix of the numbers in the log.

    Raises:
        InputError: An argument that does not fit.
    """

    def __init__(
        self,
        *,
        benchmark: str,
        ann_file: str | None = None,
        class_agnostic: bool = False,
        outfile_prefix: str | None = None,
        format_only: bool = False,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix or benchmark)
        if format_only and outfile_prefix is None:
            raise InputError("format_only=True needs outfile_prefix, the file to write")
        self.benchmark = benchmark
        self._ann_file = ann_file
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

    @property
    def category_ids(self) -> Sequence[int] | None:
        """Category id of each label, as the dataset tells; None where it does not."""
        return (self.dataset_meta or {}).get("category_ids")

    def compute_metrics(self, results: list[list[dict]]) -> dict[str, float]:
        """Writes and evaluates all records.

        Args:
            results: The records of each video or image.

        Returns:
            The numbers as fractions; none with `format_only`.
        """
        records = [record for item in results for record in item]
        if self.outfile_prefix is not None:
            path = Path(f"{self.outfile_prefix}.json")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(orjson.dumps(records), path)
        if self.format_only:
            return OrderedDict()
        return OrderedDict(self.evaluate_records(records))

    @abstractmethod
    def evaluate_records(self, records: list[dict]) -> dict[str, float]:
        """The numbers of a result list, without those that have no ground truth."""
