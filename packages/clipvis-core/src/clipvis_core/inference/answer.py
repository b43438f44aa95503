"""An answer that a run wrote to its output folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import torch

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, is_number, is_whole, shown
from clipvis_core.foundation.json_files import read_json
from clipvis_core.foundation.masks import check_masks
from clipvis_core.foundation.records import MAX_IMAGE_PIXELS
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.output_folder import RECORD, RESULTS, WORDS, read_record
from clipvis_core.inference.result import DrawnTracks, SegmentationResult
from clipvis_core.tracking import VideoTracks

MAX_FRAMES = 10_000_000
_REMEDY = "run clipvis on the video again"


@dataclass(frozen=True)
class Answer:
    """What is in an output folder.

    Attributes:
        folder: The folder.
        result: All tracks of its `results.json`.
        score_thr: Least score of the tracks that the run drew.
        video: Path of the video, folder of frames or image, or None for one that came once.
        complete: Whether all frames of the video were segmented.
    """

    folder: Path
    result: SegmentationResult
    score_thr: float
    video: Path | None
    complete: bool

    @classmethod
    def read(cls, folder: str | Path) -> Answer:
        """Reads an output folder; nothing in it is trusted.

        Raises:
            InputError: It is none, or a file in it is missing or damaged.
        """
        folder = Path(folder)
        record = read_record(folder)
        if record is None:
            raise InputError(f"{folder} is no output folder of clipvis: it has no {RECORD} of ours; {_REMEDY}")
        facts = _Facts(folder / RECORD, record)
        vocabulary = Vocabulary.from_file(folder / WORDS)
        tracks = _read_tracks(folder / RESULTS, facts, len(vocabulary))
        result = SegmentationResult(
            name=facts.name,
            height=facts.height,
            width=facts.width,
            frame_rate=facts.frame_rate,
            num_frames=facts.num_frames,
            vocabulary=vocabulary,
            tracks=tracks,
            times=facts.times,
            frames=facts.frames,
        )
        video = record.get("input")
        complete = record.get("complete") is True
        return cls(folder, result, facts.score_thr, Path(video) if isinstance(video, str) else None, complete)

    def drawn(self, score_thr: float | None = None, *, all_tracks: bool = False) -> DrawnTracks:
        """The tracks to show, by default those that the run drew; see `SegmentationResult.drawn`."""
        return self.result.drawn(self.score_thr if score_thr is None else score_thr, all_tracks=all_tracks)


class _Facts:
    """The checked facts of a `video.json`."""

    def __init__(self, path: Path, record: dict) -> None:
        self._path = path
        self._record = record
        self.name = str(record.get("name", path.parent.name))
        self.height, self.width = self._whole("height", MAX_IMAGE_PIXELS), self._whole("width", MAX_IMAGE_PIXELS)
        if self.height * self.width > MAX_IMAGE_PIXELS:
            raise InputError(f"{path}: its frames of {self.height} x {self.width} are none of a video; {_REMEDY}")
        self.num_frames = self._whole("num_frames", MAX_FRAMES)
        self.score_thr = record.get("score_thr")
        if not is_number(self.score_thr):
            raise self._fault("score_thr")
        self.times = record.get("times")
        if not isinstance(self.times, list) or not all(is_number(time) for time in self.times):
            raise self._fault("times")
        self.frames = record.get("frames", [])
        if not _are_numbers(self.frames) or len(self.frames) not in (0, self.num_frames):
            raise self._fault("frames")
        try:
            self.frame_rate = Fraction(record.get("frame_rate"))
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            raise self._fault("frame_rate") from None
        if self.frame_rate <= 0:
            raise self._fault("frame_rate")

    def _whole(self, field: str, most: int) -> int:
        value = self._record.get(field)
        if not is_whole(value) or not 1 <= value <= most:
            raise self._fault(field)
        return value

    def _fault(self, field: str) -> InputError:
        state = "is missing" if field not in self._record else f"is {shown(self._record[field])}"
        return InputError(f"{self._path}: field '{field}' {state}; {_REMEDY}")


def _are_numbers(frames: object) -> bool:
    """Whether these are places of frames in a video, in order."""
    if not isinstance(frames, list) or not all(is_whole(number) and 0 <= number < MAX_FRAMES for number in frames):
        return False
    return all(before < number for before, number in pairwise(frames))


def _read_tracks(path: Path, facts: _Facts, num_categories: int) -> VideoTracks:
    """The tracks of a `results.json`, with checked masks."""
    records = read_json(path)
    if not isinstance(records, list):
        raise InputError(f"{path}: is not a list of results; {_REMEDY}")
    faults = Faults(_REMEDY, str(path))
    for place, record in enumerate(records):
        if reason := _reason(record, facts.num_frames, num_categories):
            faults.add(f"record {place}", reason)
    faults.raise_if_any()
    segmentations = [
        _checked(record["segmentations"], facts, f"{path}: record {place}", faults)
        for place, record in enumerate(records)
    ]
    faults.raise_if_any()
    calibrated = None
    if records and all("calibrated_score" in record for record in records):
        calibrated = torch.tensor([float(record["calibrated_score"]) for record in records])
    return VideoTracks(
        scores=torch.tensor([float(record["score"]) for record in records]),
        labels=torch.tensor([record["category_id"] - 1 for record in records], dtype=torch.int64),
        queries=torch.tensor([record["query"] for record in records], dtype=torch.int64),
        segmentations=segmentations,
        calibrated=calibrated,
    )


def _reason(record: object, num_frames: int, num_categories: int) -> str | None:
    """What is wrong with a record but its masks."""
    if not isinstance(record, dict):
        return "is not an object"
    if not is_number(record.get("score")) or not is_number(record.get("calibrated_score", 0.0)):
        return "score is not a number"
    if not is_whole(record.get("category_id")) or not 1 <= record["category_id"] <= num_categories:
        return f"category_id is {shown(record.get('category_id'))}, and there are {num_categories} categories"
    if not is_whole(record.get("query")) or not 0 <= record["query"] < 2**31:
        return f"query is {shown(record.get('query'))}, not a whole number"
    masks = record.get("segmentations")
    if not isinstance(masks, list) or len(masks) != num_frames:
        return f"segmentations must be a list of {num_frames} entries, one a frame"
    return None


def _checked(masks: list, facts: _Facts, where: str, faults: Faults) -> list[dict | None]:
    there = [frame for frame, mask in enumerate(masks) if mask is not None]
    sizes = [(facts.height, facts.width)] * len(there)
    checked = check_masks([masks[t] for t in there], sizes, lambda i: f"{where}: segmentations[{there[i]}]", faults)
    found: list[dict | None] = [None] * len(masks)
    for frame, mask in zip(there, checked, strict=True):
        found[frame] = mask
    return found
