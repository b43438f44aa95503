"""Model outputs as records of a result list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from clipvis_core.foundation.faults import Faults
from clipvis_core.foundation.masks import record_of

from ..ground_truth import GroundTruth
from ..results_file import Prediction, checked_predictions
from .result_list_metric import ResultListMetric


class TrackListMetric(ResultListMetric):
    """What the metrics of tracks share. Its arguments are those of `ResultListMetric`."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps the records of each video.

        Args:
            data_batch: Not used.
            data_samples: `TrackDataSample`s as dicts; see `track_records`.
        """
        for sample in data_samples:
            self.results.append(track_records(sample, self.category_ids)[1])

    @staticmethod
    def predictions(records: Iterable[dict], truth: GroundTruth) -> Iterator[Prediction]:
        """The records as predictions.

        Raises:
            InputError: After the last one, if any does not agree with the ground truth.
        """
        faults = Faults(f"is {truth.source} the data set that was tested?", "the model's output")
        yield from checked_predictions(records, truth, faults)
        faults.raise_if_any()


def track_records(sample: Mapping[str, Any], category_ids: Sequence[int] | None = None) -> tuple[int, list[dict]]:
    """Turns the tracks of one video into records of a YouTube-VIS result list.

    Args:
        sample: A `TrackDataSample` as a dict, with `video_id` and `pred_tracks`: `scores` (N,),
            `labels` (N,) from 0, `segmentations`: N lists of T compressed RLEs or None.
        category_ids: Category id of each label; label + 1 by default.

    Returns:
        The video id and N records `{"video_id", "score", "category_id", "segmentations"}`.

    Raises:
        ValueError: The sample has no tracks or no video id.
    """
    if "pred_tracks" not in sample:
        raise ValueError("the model gave no `pred_tracks`; track metrics need a video model")
    video_id = int(_video_id(sample))
    tracks = sample["pred_tracks"]
    records = []
    columns = (tracks["scores"].tolist(), tracks["labels"].tolist(), tracks["segmentations"])
    for score, label, masks in zip(*columns, strict=True):
        records.append(
            {
                "video_id": video_id,
                "score": score,
                "category_id": label + 1 if category_ids is None else category_ids[label],
                "segmentations": [None if mask is None else record_of(mask) for mask in masks],
            }
        )
    return video_id, records


def _video_id(sample: Mapping[str, Any]) -> int:
    """Id of the video: of the sample, or else of its first frame, where mmdet's packing puts it."""
    if "video_id" in sample:
        return sample["video_id"]
    frames = sample.get("video_data_samples")
    if not frames or "video_id" not in frames[0]:
        raise ValueError("the data sample has no `video_id`; add it to `meta_keys` of the packing")
    return frames[0].video_id
