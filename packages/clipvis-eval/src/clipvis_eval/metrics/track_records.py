"""Model outputs as records of a result list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


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
                "segmentations": [None if mask is None else _as_text(mask) for mask in masks],
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


def _as_text(mask: Mapping[str, Any]) -> dict:
    counts = mask["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(side) for side in mask["size"]], "counts": text}
