"""Result lists in the YouTube-VIS form, read one prediction at a time and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlemasklib import RLEMask
from tqdm import tqdm

from .faults import Faults, is_number, is_whole, shown
from .ground_truth import GroundTruth, read_masks
from .json_stream import iterate_records


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
    remedy = f"are the results of the data set of {truth.source}?"
    faults = Faults(str(path), remedy)
    index = 0
    with tqdm(desc="predictions", unit="", delay=2, disable=not progress) as bar:
        for records in iterate_records(path):
            for record in records:
                try:
                    yield check_record(record, truth)
                except ValueError as error:
                    faults.add(f"record {index}", str(error))
                index += 1
            bar.update(len(records))
    faults.raise_if_any()


def check_record(record: object, truth: GroundTruth) -> Prediction:
    """One checked record of a result list.

    Args:
        record: The record, as json gives it.
        truth: What its ids, length and sizes must agree with.

    Raises:
        ValueError: A bad record; the message begins with the field at fault.
    """
    if not isinstance(record, dict):
        raise ValueError(f"is a {type(record).__name__}, not an object")
    for key in ("video_id", "category_id", "score", "segmentations"):
        if key not in record:
            raise ValueError(f"{key} is missing")
    for key, known in (("video_id", truth.videos), ("category_id", truth.categories)):
        if not is_whole(record[key]):
            raise ValueError(f"{key} is {shown(record[key])}, not a whole number")
        if record[key] not in known:
            raise ValueError(f"{key} {record[key]} is not in the annotation file")
    if not is_number(record["score"]):
        raise ValueError(f"score is {shown(record['score'])}, not a finite number")
    masks = read_masks(record["segmentations"], truth.videos[record["video_id"]])
    return Prediction(record["video_id"], record["category_id"], float(record["score"]), masks)
