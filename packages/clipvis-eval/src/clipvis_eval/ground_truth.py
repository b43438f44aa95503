"""Annotation files in the YouTube-VIS form, checked and made ready for matching."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

from clipvis_data.rle import MAX_PIXELS

from .faults import Faults, InputError, is_number, is_whole, shown
from .groups import category_groups
from .json_stream import read_json
from .rules import Benchmark, Rules, rules_for
from .tracks import MaskError, Track, decode_mask, decode_masks_fast, mean_of_nonzero

ANY_OBJECT = 1
"""Id of the one category that all become where categories do not matter."""

OCCLUSION = {"no_occlusion": 0.0, "slight_occlusion": 0.25, "severe_occlusion": 0.75}
"""Score of an occlusion label of OVIS."""


@dataclass(frozen=True)
class Video:
    """Size of a video: `height` and `width` in pixels, `length` in frames."""

    id: int
    height: int
    width: int
    length: int


@dataclass(frozen=True)
class GroundTruthTrack:
    """One annotated object.

    Attributes:
        id: Annotation id.
        iscrowd: Whether it stands for several objects.
        mean_area: Mean area in pixels, from the source that the rules name.
        occlusion: Score in [0, 1]; None where the file has no occlusion labels.
        track: The masks.
    """

    id: int
    iscrowd: bool
    mean_area: float
    occlusion: float | None
    track: Track


@dataclass(frozen=True)
class GroundTruth:
    """An annotation file.

    Attributes:
        source: Where it was read from.
        videos: Videos by id.
        categories: Names by category id, in ascending order of id.
        groups: Category ids of each group ("base", "novel", "common", "uncommon").
        tracks: Objects of each (video id, category id), in file order.
    """

    source: str
    videos: dict[int, Video]
    categories: dict[int, str]
    groups: dict[str, frozenset[int]]
    tracks: Mapping[tuple[int, int], list[GroundTruthTrack]] = field(repr=False)

    def as_one_category(self) -> GroundTruth:
        """The same objects, all of category `ANY_OBJECT`; those of a video in order of their ids."""
        tracks: dict[tuple[int, int], list[GroundTruthTrack]] = defaultdict(list)
        for (video, _), members in self.tracks.items():
            tracks[video, ANY_OBJECT] += members
        for members in tracks.values():
            members.sort(key=lambda track: track.id)
        return replace(self, categories={ANY_OBJECT: "any object"}, groups={}, tracks=dict(tracks))


def load_ground_truth(path: str | Path, benchmark: Benchmark, rules: Rules) -> GroundTruth:
    """Reads an annotation file.

    Args:
        path: A json file in the YouTube-VIS form.
        benchmark: Benchmark it belongs to; decides the category groups.
        rules: Where mean areas come from.

    Raises:
        InputError: The file is missing, broken, or not of this form; the line names the record.
    """
    rules_for(benchmark, "published")
    data = read_json(path)
    for key in ("videos", "categories", "annotations"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            hint = (
                "its annotations are not public: make a submission file for the server"
                if isinstance(data, dict) and "videos" in data and key == "annotations"
                else "is it an annotation file in the YouTube-VIS form?"
            )
            raise InputError(f"{path}: has no list {key!r}; {hint}")
    faults = Faults(str(path), "mend or re-make the annotation file")
    videos = _read_videos(data["videos"], faults)
    categories = _read_categories(data["categories"], faults)
    faults.raise_if_any()
    groups = category_groups(benchmark, data["categories"], str(path))
    tracks: dict[tuple[int, int], list[GroundTruthTrack]] = defaultdict(list)
    ids: set[int] = set()
    for index, record in enumerate(data["annotations"]):
        try:
            track = _read_annotation(record, videos, categories, rules)
            if track.id in ids:
                raise _BadRecordError("id", f"{track.id} is already taken")
        except _BadRecordError as error:
            faults.add(f"annotations[{index}]", str(error))
            continue
        ids.add(track.id)
        tracks[record["video_id"], record["category_id"]].append(track)
    faults.raise_if_any()
    return GroundTruth(str(path), videos, categories, groups, dict(tracks))


def load_videos(path: str | Path) -> dict[int, Video]:
    """Videos of an annotation file, which need not have annotations.

    Args:
        path: The file; or, for a test set without one (LV-VIS), the folder of its videos' folders,
            numbered from 0 in sorted order.

    Raises:
        InputError: The file is missing, broken, or has no `videos`.
    """
    if Path(path).is_dir():
        from clipvis_data.video_datasets import videos_from_folder  # which imports torch

        data = videos_from_folder(path)
    else:
        data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("videos"), list):
        raise InputError(f"{path}: has no list 'videos'; give the json of the test set")
    faults = Faults(str(path), "mend the file or fetch it again")
    videos = _read_videos(data["videos"], faults)
    faults.raise_if_any()
    return videos


class _BadRecordError(ValueError):
    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(f"{field_name} {reason}")


def _read_videos(records: list, faults: Faults) -> dict[int, Video]:
    videos: dict[int, Video] = {}
    for index, record in enumerate(records):
        name = f"videos[{index}]"
        if not isinstance(record, dict):
            faults.add(name, "is not an object")
            continue
        length = record.get("length", len(record.get("file_names") or ()))
        fields = {key: record.get(key) for key in ("id", "height", "width")} | {"length": length}
        bad = [key for key, value in fields.items() if not is_whole(value)]
        bad += [key for key in ("height", "width", "length") if key not in bad and fields[key] < 1]
        if bad:
            faults.add(name, f"{bad[0]} is {shown(fields[bad[0]])}, not a whole number above 0")
        elif fields["height"] * fields["width"] > MAX_PIXELS:
            faults.add(name, f"height x width is above {MAX_PIXELS} pixels")
        elif fields["id"] in videos:
            faults.add(name, f"id {fields['id']} is already taken")
        else:
            videos[fields["id"]] = Video(**fields)
    return dict(sorted(videos.items()))


def _read_categories(records: list, faults: Faults) -> dict[int, str]:
    categories: dict[int, str] = {}
    for index, record in enumerate(records):
        name = f"categories[{index}]"
        if not isinstance(record, dict) or not is_whole(record.get("id")):
            faults.add(name, "has no whole-number id")
        elif not isinstance(record.get("name"), str):
            faults.add(name, "has no name")
        elif record["id"] in categories:
            faults.add(name, f"id {record['id']} is already taken")
        else:
            categories[record["id"]] = record["name"]
    if not records:
        faults.add("categories", "the list is empty")
    return dict(sorted(categories.items()))


def _read_annotation(
    record: object, videos: dict[int, Video], categories: dict[int, str], rules: Rules
) -> GroundTruthTrack:
    if not isinstance(record, dict):
        raise _BadRecordError("record", "is not an object")
    for key in ("id", "video_id", "category_id"):
        if not is_whole(record.get(key)):
            raise _BadRecordError(key, f"is {shown(record.get(key))}, not a whole number")
    video = videos.get(record["video_id"])
    if video is None:
        raise _BadRecordError("video_id", f"{record['video_id']} is not among the videos")
    if record["category_id"] not in categories:
        raise _BadRecordError("category_id", f"{record['category_id']} is not among the categories")
    if record.get("iscrowd", 0) not in (0, 1, None):
        raise _BadRecordError("iscrowd", f"is {shown(record['iscrowd'])}, not 0 or 1")
    masks = read_masks(record.get("segmentations"), video)
    track = Track(masks)
    return GroundTruthTrack(
        id=record["id"],
        iscrowd=bool(record.get("iscrowd", 0)),
        mean_area=_mean_area(record.get("areas"), track, rules),
        occlusion=_occlusion(record.get("occlusion")),
        track=track,
    )


def read_masks(segmentations: object, video: Video) -> list:
    """Masks of `segmentations`, one entry a frame.

    Raises:
        ValueError: Not a list as long as the video, or a mask that cannot be used.
    """
    if not isinstance(segmentations, list):
        raise _BadRecordError("segmentations", "is not a list with one entry a frame")
    if len(segmentations) != video.length:
        raise _BadRecordError(
            "segmentations", f"has {len(segmentations)} entries, but video {video.id} has {video.length} frames"
        )
    height, width = video.height, video.width
    masks = decode_masks_fast(segmentations, height, width)
    if masks is not None:
        return masks
    masks = []
    try:
        for mask in segmentations:
            masks.append(decode_mask(mask, height, width))
    except MaskError as error:
        raise _BadRecordError(f"segmentations[{len(masks)}]", str(error)) from None
    return masks


def _mean_area(areas: object, track: Track, rules: Rules) -> float:
    if rules.ground_truth_area == "zero":
        return 0.0
    if rules.ground_truth_area == "masks" or areas is None:
        return track.mean_area
    if not isinstance(areas, list) or not all(a is None or is_number(a) for a in areas):
        raise _BadRecordError("areas", "is not a list of numbers and nulls")
    if rules.ground_truth_area == "annotation_int":
        areas = [a and int(a) for a in areas]
    return mean_of_nonzero(areas)


def _occlusion(labels: object) -> float | None:
    """Mean of the upper half (rounded up) of the labelled frames' scores."""
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(x is None or x in OCCLUSION for x in labels):
        raise _BadRecordError("occlusion", f"has labels other than {', '.join(OCCLUSION)}, null")
    scores = sorted(OCCLUSION[label] for label in labels if label is not None)
    upper = scores[len(scores) - ceil(len(scores) / 2) :]
    return sum(upper) / len(upper) if upper else None
