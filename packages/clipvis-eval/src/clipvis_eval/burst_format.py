"""BURST's own result file, from a YouTube-VIS result list."""

from __future__ import annotations

from pathlib import Path

import orjson

from clipvis_core.foundation.faults import Faults, shown
from clipvis_core.foundation.records import Records, read_annotation_file
from clipvis_core.foundation.whole_file import write_whole
from clipvis_core.foundation.youtube_vis import Video
from clipvis_data.preparation.burst import check_sequences

from .ground_truth import GroundTruth
from .results_file import Prediction, iterate_predictions

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
    """Reads an annotation file of the BURST download and checks it.

    Raises:
        InputError: It is missing, broken, or of another form; the line names the sequence.
    """
    data = read_annotation_file(path)
    hint = "give BURST's own all_classes.json"
    sequences, categories = Records(path, data, "sequences", hint=hint), Records(path, data, "categories", hint=hint)
    faults = Faults("fetch the file again")
    known = categories.positions(faults)
    for index in known.values():
        with faults:
            categories.get(index, "name", str)
    check_sequences(sequences, known, faults)
    for sequence in range(len(sequences)):
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            sequences.records[sequence].setdefault(key, [])
    if not isinstance(data.setdefault("split", "val"), str):
        faults.add("split", f"is {shown(data['split'])}, not text")
    faults.raise_if_any()
    return data


def check_burst_results(path: str | Path, data: dict, truth: dict) -> None:
    """Checks a result file in BURST's form.

    Args:
        path: The file, for messages.
        data: Its content.
        truth: Content of the annotation file.

    Raises:
        InputError: A bad sequence; the line names it.
    """
    faults = Faults("are these results of that annotation file?", str(path))
    sizes = {(s["dataset"], s["seq_name"]): (s["height"], s["width"]) for s in truth["sequences"]}
    known = {category["id"] for category in truth["categories"]}
    check_sequences(Records(path, data, "sequences"), known, faults, truth=sizes)
    if data.get("split", truth["split"]) != truth["split"]:
        faults.add("split", f"is {shown(data['split'])}, but the annotation file has {truth['split']!r}")
    faults.raise_if_any()


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
    for prediction in iterate_predictions(results, truth):
        _add_track(made[prediction.video_id], prediction, burst_ids)
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


def _add_track(sequence: dict, prediction: Prediction, burst_ids: list[int]) -> None:
    track = str(len(sequence["track_category_ids"]) + 1)
    filled = [i for i, mask in enumerate(prediction.masks) if mask is not None and mask.any()]
    if not filled:
        return
    sequence["track_category_ids"][track] = burst_ids[prediction.category_id - 1]
    for i in filled:
        counts = prediction.masks[i].to_dict()["counts"].decode("ascii")
        sequence["segmentations"][i][track] = {"rle": counts, "is_gt": False, "score": prediction.score}
