"""Submission files: a checked zip with `results.json` at its root."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import orjson

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults
from clipvis_core.foundation.json_files import iterate_records
from clipvis_core.foundation.whole_file import whole_file
from clipvis_data.vocabularies import load_vocabulary

from .ground_truth import GroundTruth, load_videos
from .results_file import check_record

SubmissionBenchmark = Literal["ytvis2019", "ytvis2021", "ovis", "lvvis"]
Group = Literal["base", "novel"]

MAX_BYTES = 2 * 10**9
"""Largest zip written; servers refuse far smaller ones already."""


@dataclass(frozen=True)
class Submission:
    """What was written.

    Attributes:
        path: The zip.
        num_videos: Videos of the data set.
        num_predictions: Predictions in the zip.
        scale: Factor from the AP that the server shows to the AP of the group: servers average over
            all categories, also those left out. 1 without a group.
    """

    path: Path
    num_videos: int
    num_predictions: int
    scale: float


def write_submission(
    results: str | Path,
    path: str | Path,
    *,
    benchmark: SubmissionBenchmark,
    videos: str | Path,
    group: Group | None = None,
    max_bytes: int = MAX_BYTES,
) -> Submission:
    """Checks a result list and packs it for the benchmark's server.

    Args:
        results: The result list.
        path: The zip to write, whole or not at all.
        benchmark: Whose server it is for.
        videos: A json with the `videos` of the test set (the one handed out without annotations), or
            the folder of its videos where there is none.
        group: Keep the predictions of base or of novel categories only.
        max_bytes: Largest zip accepted.

    Raises:
        InputError: A bad record (unknown video or category, wrong length or mask size, corrupt
            mask), a video without any prediction, no such group, or too large a zip.
    """
    categories = load_vocabulary(benchmark)
    truth = GroundTruth(str(videos), load_videos(videos), dict.fromkeys(categories.ids, ""), {}, {})
    kept = set(categories.ids if group is None else categories.group(group))
    path = Path(path)
    try:
        with whole_file(path) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                count = _write_results(archive, results, truth, lambda r: r["category_id"] in kept)
            if file.tell() > max_bytes:
                raise InputError(f"{path}: would have {file.tell()} bytes, over the limit of {max_bytes}")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return Submission(path, len(truth.videos), count, len(categories) / len(kept))


def _write_results(
    archive: zipfile.ZipFile, results: str | Path, truth: GroundTruth, is_kept: Callable[[dict], bool]
) -> int:
    """Streams the checked records into the archive; returns how many were kept."""
    faults = Faults(f"are the results of the videos of {truth.source}?", str(results))
    missing = set(truth.videos)
    seen = count = 0
    with archive.open("results.json", "w", force_zip64=True) as member:
        member.write(b"[")
        for seen, record in enumerate(chain.from_iterable(iterate_records(results)), 1):
            try:
                check_record(record, truth)
            except InputError as error:
                faults.add(f"record {seen - 1}", str(error))
                continue
            missing.discard(record["video_id"])
            if is_kept(record):
                member.write(b"," * bool(count) + orjson.dumps(_server_form(record)))
                count += 1
        member.write(b"]")
    for video_id in sorted(missing) if seen > len(faults.lines) else ():
        faults.add(f"video {video_id}", "has no prediction; every video must be present")
    faults.raise_if_any()
    if not seen:
        raise InputError(f"{results}: has no predictions; a server takes none of that")
    return count


def _server_form(record: dict) -> dict:
    """The fields that a server reads, ids and masks as they are."""
    keys = ("video_id", "score", "category_id", "segmentations")
    return {key: record[key] for key in keys}
