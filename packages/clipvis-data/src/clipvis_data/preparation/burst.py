"""From BURST's own json to the YouTube-VIS form ("b2y")."""

from __future__ import annotations

import re
from pathlib import Path

from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.records import Records, read_annotation_file
from clipvis_core.foundation.rle import RleError, validate_rle
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
    sequences = Records(source, data, "sequences")
    categories, new_ids = _categories(Records(source, data, "categories"))
    videos, images, annotations, tracks = [], [], [], {}
    for s in range(len(sequences.records)):
        video = _video(sequences, s)
        videos.append(video)
        images += _images(video)
        for track in _tracks(sequences, s, video, new_ids, with_areas):
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
        old_id = source.get(i, "id", int)
        if old_id in new_ids:
            raise InputError(f"{source.where(i)}: the id occurs twice")
        new_ids[old_id] = i + 1
        common = old_id in known and known[old_id].common
        split = "common" if common else "uncommon"
        categories.append({**record, "id": i + 1, "split": split})
    return categories, new_ids


def _video(sequences: Records, index: int) -> dict:
    """The video record of a sequence; only annotated frames count."""
    height, width = sequences.size(index)
    dataset = sequences.get(index, "dataset", str)
    folder = f"{dataset}/{sequences.get(index, 'seq_name', str)}"
    frames = sequences.get(index, "annotated_image_paths", list)
    record = sequences.records[index]
    return {
        "id": sequences.get(index, "id", int),
        "height": height,
        "width": width,
        "length": len(frames),
        "file_names": [f"{folder}/{frame}" for frame in frames],
        "neg_category_ids": record.get("neg_category_ids", []),
        "not_exhaustive_category_ids": record.get("not_exhaustive_category_ids", []),
        "metadata": {"dataset": dataset},
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


def _tracks(sequences: Records, index: int, video: dict, new_ids: dict[int, int], with_areas: bool) -> list[dict]:
    """The track records of a sequence, without ids."""
    where = sequences.where(index)
    frames = sequences.get(index, "segmentations", list)
    if len(frames) != video["length"] or not all(isinstance(frame, dict) for frame in frames):
        raise InputError(f"{where}: 'segmentations' must have one object for each annotated frame")
    tracks = []
    for track, category_id in sequences.get(index, "track_category_ids", dict).items():
        if category_id not in new_ids:
            raise InputError(f"{where}: track {track} has category {category_id}, which is unknown")
        masks = [
            _mask(frame.get(track), video, f"{where}: segmentations[{t}], track {track}")
            for t, frame in enumerate(frames)
        ]
        record = {
            "track": track,
            "video_id": video["id"],
            "category_id": new_ids[category_id],
            "segmentations": masks,
            "bboxes": [None if m is None else mask_api.toBbox(m).tolist() for m in masks],
            "height": video["height"],
            "width": video["width"],
        }
        if with_areas:
            record["areas"] = [None if m is None else int(mask_api.area(m)) for m in masks]
            record |= {"iscrowd": 0, "length": video["length"]}
        tracks.append(record)
    return tracks


def _mask(entry: object, video: dict, where: str) -> dict | None:
    if entry is None:
        return None
    counts = entry.get("rle") if isinstance(entry, dict) else None
    size = [video["height"], video["width"]]
    try:
        return validate_rle({"size": size, "counts": counts}, *size)
    except RleError as error:
        raise InputError(f"{where} {error}") from None
