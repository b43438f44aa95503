"""A test loop that keeps finished videos on disk and goes on where a killed run stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmdet.registry import DATASETS, LOOPS
from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmengine.runner import TestLoop

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderLock
from clipvis_core.foundation.whole_file import remove_unfinished, write_json

from ..metrics import TrackMetric, track_records
from ..summary import flat_numbers
from .result_store import ResultStore


@LOOPS.register_module()
class ResumableTestLoop(TestLoop):
    """Tests a video model; results go to disk video by video.

    `store/` in the work directory holds a file for each finished video; at the end they become
    `results.json`, in order of the dataset, whatever the number of runs or processes it took.
    Metrics are then computed from that file and written to `metrics.json`.

    Args:
        runner: The runner.
        dataloader: Test dataloader, a dict; its dataset has one item a video.
        evaluator: One track metric (a dict or a built evaluator).
        identity: What decides the results besides; see `ResultStore`.
        resume: Whether to keep the videos that an earlier run finished.

    Raises:
        InputError: The evaluator is not one track metric, or the stored videos were made by something else.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: dict,
        evaluator: Any,
        identity: dict[str, str],
        resume: bool = False,
    ) -> None:
        dataset = DATASETS.build(dataloader["dataset"])
        dataset.full_init()
        self.video_ids = [dataset.get_data_info(i)["video_id"] for i in range(len(dataset))]
        self.work_dir = Path(runner.work_dir)
        folder = self.work_dir / "store"
        if is_main_process():
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(folder, "wait for it, or choose another --work-dir")
            for place in (folder, self.work_dir):
                remove_unfinished(place, "*.json")
            ResultStore(folder, identity, resume=resume)
        barrier()
        self.store = ResultStore(folder, identity, resume=True)
        done = self.store.finished()
        self.remaining = [i for i, video in enumerate(self.video_ids) if video not in done]
        if 0 < len(self.remaining) < len(dataset):
            dataset = dataset.get_subset(self.remaining)
        super().__init__(runner, {**dataloader, "dataset": dataset}, evaluator)
        metrics = self.evaluator.metrics
        if len(metrics) != 1 or not isinstance(metrics[0], TrackMetric):
            raise InputError("test_evaluator must be one track metric to test with a result store")
        self.metric: TrackMetric = metrics[0]
        if not self.metric.format_only and is_main_process():
            self.metric.check_ground_truth()  # a fault there must not come to light after hours

    def run(self) -> dict:
        """Tests the remaining videos, joins all, and evaluates.

        Returns:
            The numbers of the metric; nothing with `format_only`.
        """
        self.runner.call_hook("before_test")
        self.runner.call_hook("before_test_epoch")
        self.runner.model.eval()
        if len(self.remaining) < len(self.video_ids):
            done = len(self.video_ids) - len(self.remaining)
            self.runner.logger.info(f"{done} of {len(self.video_ids)} videos are already done")
        if self.remaining:
            for index, data_batch in enumerate(self.dataloader):
                self.run_iter(index, data_batch)
        barrier()
        numbers = [self._finish() if is_main_process() else None]
        broadcast_object_list(numbers)
        self.runner.call_hook("after_test_epoch", metrics=numbers[0])
        self.runner.call_hook("after_test")
        return numbers[0]

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Tests one batch of videos and stores them."""
        self.runner.call_hook("before_test_iter", batch_idx=idx, data_batch=data_batch)
        outputs = self.runner.model.test_step(data_batch)
        for sample in outputs:
            self.store.write(*track_records(sample.to_dict(), self.metric.category_ids))
        self.runner.call_hook("after_test_iter", batch_idx=idx, data_batch=data_batch, outputs=outputs)

    def _finish(self) -> dict[str, float]:
        results = self.work_dir / "results.json"
        self.store.merge(results, self.video_ids)
        self.runner.logger.info(f"results: {results}")
        if self.metric.format_only:
            return {}
        result = self.metric.evaluate_file(results)
        write_json(result.to_json(), self.work_dir / "metrics.json")
        return {f"{self.metric.prefix}/{k}": v for k, v in flat_numbers(result).items()}
