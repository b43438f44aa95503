"""From BURST's own json to the YouTube-VIS form ("b2y")."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from pathlib import Path

from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, is_number, is_whole, shown
from clipvis_core.foundation.records import Records, check_relative, read_annotation_file
from clipvis_core.foundation.rle import check_rles, validate_rle
from clipvis_core.foundation.whole_file import write_json

from ..vocabularies import load_vocabulary

_FRAME_NUMBER = re.compile(r"(\d+)\.[^.]*$")


def burst_to_ytvis(
    source: str | Path, target: str | Path, *, first_id: int = 0, with_areas: bool = False
) -> dict[str, int]:
    """Converts BURST's `all_classes.json`.

    By default the output is what the published script writes: track ids count from 0 and there are no areas, which its
    evaluator turns against some tracks. `first_id=1` and `with_areas=True` correct both.

    Args:
        source: BURST's json of a split.
        target: The YouTube-VIS json to write.
        first_id: Id of the first track.
        with_areas: Add `areas` (pixels of each mask), `iscrowd` 0 and `length` to the tracks.

    Returns:
        Number of videos, annotations and categories written.

    Raises:
        InputError: The source is no BURST json, or a mask in it is corrupt.
    """
    data = read_annotation_file(source)
    sequences, known = Records(source, data, "sequences"), Records(source, data, "categories")
    faults = Faults("fetch the file again")
    check_sequences(sequences, known.positions(faults), faults)
    faults.raise_if_any()
    categories, new_ids = _categories(known)
    videos, images, annotations, tracks = [], [], [], {}
    for s in range(len(sequences.records)):
        video = _video(sequences, s)
        videos.append(video)
        images += _images(video)
        for track in _tracks(sequences.records[s], video, new_ids, with_areas):
            annotation_id = first_id + len(annotations)
            tracks.setdefault(str(video["id"]), {})[track.pop("track")] = annotation_id
            annotations.append({"id": annotation_id, **track})
    result = {
        "videos": videos,
        "images": images,
        "annotations": annotations,
        "categories": categories,
        "cate_ori": data["categories"],
        "track_id_mapping": tracks,
        "split": data.get("split"),
    }
    write_json(result, target, indent=None)
    return {"videos": len(videos), "annotations": len(annotations), "categories": len(categories)}


def _categories(source: Records) -> tuple[list[dict], dict[int, int]]:
    """Categories with new ids 1, 2, ... in file order, and the map from old ids to new."""
    known = {c.burst_id: c for c in load_vocabulary("burst").categories}
    categories, new_ids = [], {}
    for i, record in enumerate(source.records):
        old_id = record["id"]
        new_ids[old_id] = i + 1
        common = old_id in known and known[old_id].common
        split = "common" if common else "uncommon"
        categories.append({**record, "id": i + 1, "split": split})
    return categories, new_ids


def check_sequences(
    sequences: Records,
    categories: Container[int],
    faults: Faults,
    *,
    truth: Mapping[tuple[str, str], tuple[int, int]] | None = None,
) -> None:
    """Checks the sequences of a file in BURST's form; notes what is wrong.

    Args:
        sequences: The list `sequences`.
        categories: Ids of the categories.
        faults: Takes what is wrong.
        truth: For results, whose masks have scores: (height, width) of the sequences by dataset and name.
    """
    if truth is None:
        sequences.positions(faults)
    seen: dict[tuple[str, str], int] = {}
    for index in range(len(sequences)):
        with faults:
            name = (sequences.get(index, "dataset", str), sequences.get(index, "seq_name", str))
            where = sequences.where(index)
            check_relative("/".join(name), where)
            if seen.setdefault(name, index) != index:
                raise InputError(f"{where}: is named as {sequences.key}[{seen[name]}]")
            if truth is not None and name not in truth:
                raise InputError(f"{where}: the annotation file has no sequence {'/'.join(name)[:80]}")
            size = sequences.size(index) if truth is None else truth[name]
            _check_frames(sequences, index)
            for key in ("neg_category_ids", "not_exhaustive_category_ids"):
                listed = sequences.records[index].get(key) or []
                if not isinstance(listed, list) or not all(is_whole(value) for value in listed):
                    raise InputError(f"{where}: field '{key}' is not a list of ids")
            _check_tracks(sequences, index, size, categories, scored=truth is not None)


def _check_frames(sequences: Records, index: int) -> None:
    where, frames = sequences.where(index), sequences.get(index, "annotated_image_paths", list)
    for frame in frames:
        if not isinstance(frame, str):
            raise InputError(f"{where}: annotated_image_paths holds {shown(frame)}, not text")
        check_relative(frame, where)
    if not frames or len(set(frames)) < len(frames):
        raise InputError(f"{where}: annotated_image_paths is empty, or holds a name twice")
    masks = sequences.get(index, "segmentations", list)
    if len(masks) != len(frames) or not all(isinstance(frame, dict) for frame in masks):
        raise InputError(f"{where}: 'segmentations' must have one object for each annotated frame")


def _check_tracks(
    sequences: Records, index: int, size: tuple[int, int], categories: Container[int], *, scored: bool
) -> None:
    where, tracks = sequences.where(index), sequences.get(index, "track_category_ids", dict)
    for track, category in tracks.items():
        if not is_whole(category) or category not in categories:
            raise InputError(f"{where}: track {track[:20]} has category {shown(category)}, which is unknown")
        if not (track.isascii() and track.isdigit()):
            raise InputError(f"{where}: track {shown(track)} is not a number")
    places, masks = [], []
    for t, frame in enumerate(sequences.records[index]["segmentations"]):
        for track, entry in frame.items():
            place = f"{where}: segmentations[{t}], track {track[:20]}"
            if track not in tracks:
                raise InputError(f"{place} is not in 'track_category_ids'")
            if not isinstance(entry, dict) or not isinstance(entry.get("rle"), str):
                raise InputError(f"{place} has no 'rle'")
            if scored and not is_number(entry.get("score")):
                raise InputError(f"{place} has the score {shown(entry.get('score'))}, not a finite number")
            places.append(place)
            masks.append({"size": list(size), "counts": entry["rle"]})
    for position, fault in check_rles(masks, *size)[1].items():
        raise InputError(f"{places[position]} {fault}")


def _video(sequences: Records, index: int) -> dict:
    """The video record of a checked sequence; only annotated frames count."""
    record = sequences.records[index]
    folder, frames = f"{record['dataset']}/{record['seq_name']}", record["annotated_image_paths"]
    return {
        "id": record["id"],
        "height": record["height"],
        "width": record["width"],
        "length": len(frames),
        "file_names": [f"{folder}/{frame}" for frame in frames],
        "neg_category_ids": record.get("neg_category_ids", []),
        "not_exhaustive_category_ids": record.get("not_exhaustive_category_ids", []),
        "metadata": {"dataset": record["dataset"]},
    }


def _images(video: dict) -> list[dict]:
    """One record a frame, with the frame number its name ends in."""
    numbers = [_FRAME_NUMBER.search(name) for name in video["file_names"]]
    return [
        {
            "video_id": video["id"],
            "file_name": name,
            "frame_index": int(number.group(1)) if number else position,
            "height": video["height"],
            "width": video["width"],
        }
        for position, (name, number) in enumerate(zip(video["file_names"], numbers, strict=True))
    ]


def _tracks(record: dict, video: dict, new_ids: dict[int, int], with_areas: bool) -> list[dict]:
    """The track records of a checked sequence, without ids."""
    size = [video["height"], video["width"]]
    tracks = []
    for track, category_id in record["track_category_ids"].items():
        entries = [frame.get(track) for frame in record["segmentations"]]
        masks = [entry and validate_rle({"size": size, "counts": entry["rle"]}, *size) for entry in entries]
        made = {
            "track": track,
            "video_id": video["id"],
            "category_id": new_ids[category_id],
            "segmentations": masks,
            "bboxes": [None if m is None else mask_api.toBbox(m).tolist() for m in masks],
            "height": video["height"],
            "width": video["width"],
        }
        if with_areas:
            made["areas"] = [None if m is None else int(mask_api.area(m)) for m in masks]
            made |= {"iscrowd": 0, "length": video["length"]}
        tracks.append(made)
    return tracks
