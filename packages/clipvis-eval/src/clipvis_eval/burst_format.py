"""BURST's own result file, from a YouTube-VIS result list."""

from __future__ import annotations

from pathlib import Path

import orjson

from clipvis_core.foundation.errors import InputError

from .faults import Faults, is_whole
from .ground_truth import GroundTruth, Video
from .json_stream import iterate_records, read_json
from .results_file import check_record
from .whole_file import write_whole

_COPIED = (
    "id",
    "width",
    "height",
    "seq_name",
    "dataset",
    "fps",
    "all_image_paths",
    "annotated_image_paths",
    "neg_category_ids",
    "not_exhaustive_category_ids",
)


def read_burst_annotations(path: str | Path) -> dict:
    """Reads an annotation file of the BURST download and checks its outer form.

    Raises:
        InputError: It is missing, broken, or of another form.
    """
    data = read_json(path)
    for key in ("sequences", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise InputError(f"{path}: has no list {key!r}; give BURST's own all_classes.json")
    faults = Faults(str(path), "fetch the file again")
    for index, sequence in enumerate(data["sequences"]):
        for key in ("id", "width", "height"):
            if not isinstance(sequence, dict) or not is_whole(sequence.get(key)):
                faults.add(f"sequences[{index}]", f"{key} is not a whole number")
                break
        else:
            for key, kind in (("annotated_image_paths", list), ("track_category_ids", dict)):
                if not isinstance(sequence.get(key), kind):
                    faults.add(f"sequences[{index}]", f"{key} is missing")
    for index, category in enumerate(data["categories"]):
        if not isinstance(category, dict) or not is_whole(category.get("id")):
            faults.add(f"categories[{index}]", "id is not a whole number")
    faults.raise_if_any()
    return data


def write_burst_results(results: str | Path, annotations: str | Path, path: str | Path) -> int:
    """Writes a result list in BURST's form: frame by frame, empty masks left out.

    Args:
        results: The result list; video ids are those of BURST's sequences, category k is the k-th
            of its categories, masks are of the annotated frames.
        annotations: Annotation file of the download.
        path: The json to write, whole or not at all.

    Returns:
        Number of tracks written.

    Raises:
        InputError: A bad file or record.
    """
    data = read_burst_annotations(annotations)
    truth = _as_ground_truth(data, str(annotations))
    burst_ids = [category["id"] for category in data["categories"]]
    made = {
        sequence["id"]: {key: sequence[key] for key in _COPIED if key in sequence}
        | {"track_category_ids": {}, "segmentations": [{} for _ in sequence["annotated_image_paths"]]}
        for sequence in data["sequences"]
    }
    faults = Faults(str(results), f"are the results of the sequences of {annotations}?")
    index = 0
    for records in iterate_records(results):
        for record in records:
            try:
                masks = check_record(record, truth).masks
            except ValueError as error:
                faults.add(f"record {index}", str(error))
            else:
                _add_track(made[record["video_id"]], record, masks, burst_ids)
            index += 1
    faults.raise_if_any()
    content = {"sequences": list(made.values()), "categories": data["categories"]}
    content["split"] = data.get("split", "val")
    write_whole(orjson.dumps(content), path)
    return sum(len(sequence["track_category_ids"]) for sequence in made.values())


def _as_ground_truth(data: dict, source: str) -> GroundTruth:
    """What the result list has to agree with."""
    videos = {
        sequence["id"]: Video(
            id=sequence["id"],
            height=sequence["height"],
            width=sequence["width"],
            length=len(sequence["annotated_image_paths"]),
        )
        for sequence in data["sequences"]
    }
    names = {i + 1: str(c.get("name", c["id"])) for i, c in enumerate(data["categories"])}
    return GroundTruth(source, videos, names, {}, {})


def _add_track(sequence: dict, record: dict, masks: list, burst_ids: list[int]) -> None:
    track = str(len(sequence["track_category_ids"]) + 1)
    filled = [i for i, mask in enumerate(masks) if mask is not None and mask.any()]
    if not filled:
        return
    sequence["track_category_ids"][track] = burst_ids[record["category_id"] - 1]
    for i in filled:
        counts = masks[i].to_dict()["counts"].decode("ascii")
        sequence["segmentations"][i][track] = {"rle": counts, "is_gt": False, "score": record["score"]}
