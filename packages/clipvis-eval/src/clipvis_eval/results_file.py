"""Result lists in the YouTube-VIS form, read one prediction at a time and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rlemasklib import RLEMask
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, is_number, is_whole, shown
from clipvis_core.foundation.json_files import iterate_records

from .ground_truth import GroundTruth
from .tracks import decode_masks


@dataclass(frozen=True)
class Prediction:
    """A scored track of one category.

    Attributes:
        video_id: Id of the video.
        category_id: Id of the category, from 1.
        score: Any finite number; higher is surer.
        masks: One mask or None a frame.
    """

    video_id: int
    category_id: int
    score: float
    masks: Sequence[RLEMask | None]


def iterate_predictions(path: str | Path, truth: GroundTruth, *, progress: bool = False) -> Iterator[Prediction]:
    """Yields the predictions of a result file.

    Args:
        path: A json list of `{"video_id", "category_id", "score", "segmentations"}`.
        truth: What the ids, lengths and sizes must agree with.
        progress: Whether to show a progress bar.

    Raises:
        InputError: After the last prediction, if any record was bad: its line names the first.
    """
    faults = Faults(f"are the results of the data set of {truth.source}?", str(path))
    records = chain.from_iterable(iterate_records(path))
    bar = tqdm(records, desc="predictions", unit="", delay=2, disable=not progress)
    yield from checked_predictions(bar, truth, faults)
    faults.raise_if_any()


def checked_predictions(records: Iterable[object], truth: GroundTruth, faults: Faults) -> Iterator[Prediction]:
    """Yields the sound ones of some records; notes the faults of the others."""
    for index, record in enumerate(records):
        try:
            yield check_record(record, truth)
        except InputError as error:
            faults.add(f"record {index}", str(error))


def check_record(record: object, truth: GroundTruth) -> Prediction:
    """One checked record of a result list.

    Args:
        record: The record, as json gives it.
        truth: What its ids, length and sizes must agree with.

    Raises:
        InputError: A bad record; the message begins with the field at fault.
    """
    if not isinstance(record, dict):
        raise InputError(f"is a {type(record).__name__}, not an object")
    for key in ("video_id", "category_id", "score", "segmentations"):
        if key not in record:
            raise InputError(f"{key} is missing")
    for key, known in (("video_id", truth.videos), ("category_id", truth.categories)):
        if not is_whole(record[key]):
            raise InputError(f"{key} is {shown(record[key])}, not a whole number")
        if record[key] not in known:
            raise InputError(f"{key} {record[key]} is not in the annotation file")
    if not is_number(record["score"]):
        raise InputError(f"score is {shown(record['score'])}, not a finite number")
    video, segmentations = truth.videos[record["video_id"]], record["segmentations"]
    if not isinstance(segmentations, list):
        raise InputError("segmentations is not a list with one entry a frame")
    if len(segmentations) != video.length:
        raise InputError(
            f"segmentations has {len(segmentations)} entries, but video {video.id} has {video.length} frames"
        )
    masks = decode_masks(segmentations, video.height, video.width)
    return Prediction(record["video_id"], record["category_id"], float(record["score"]), masks)
