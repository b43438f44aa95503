"""Annotation files in the YouTube-VIS form, checked and made ready for matching."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, is_number
from clipvis_core.foundation.records import Records, read_annotation_file
from clipvis_core.foundation.youtube_vis import TrackRecord, Video, read_tracks, read_videos
from clipvis_data.paths import videos_from_folder

from .groups import category_groups
from .rules import Benchmark, Rules, rules_for
from .tracks import Track, decode_masks, mean_of_nonzero

ANY_OBJECT = 1
"""Id of the one category that all become where categories do not matter."""

OCCLUSION = {"no_occlusion": 0.0, "slight_occlusion": 0.25, "severe_occlusion": 0.75}
"""Score of an occlusion label of OVIS."""


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
    data = read_annotation_file(path)
    faults = Faults("correct or re-make the annotation file", str(path))
    hint = "is it an annotation file in the YouTube-VIS form?"
    videos = read_videos(Records(path, data, "videos", hint=hint), faults)
    categories = _read_categories(Records(path, data, "categories", hint=hint), faults)
    hint = "its annotations are not public: make a submission file for the server"
    annotations = Records(path, data, "annotations", hint=hint)
    faults.raise_if_any()
    groups = category_groups(benchmark, data["categories"], str(path))
    tracks: dict[tuple[int, int], list[GroundTruthTrack]] = defaultdict(list)
    for record in read_tracks(annotations, videos, categories, faults):
        with faults:
            tracks[record.video.id, record.category_id].append(_ground_truth_track(record, rules))
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
    data = videos_from_folder(path) if Path(path).is_dir() else read_annotation_file(path)
    faults = Faults("correct the file or fetch it again")
    videos = read_videos(Records(path, data, "videos", hint="give the json of the test set"), faults)
    faults.raise_if_any()
    return videos


def _read_categories(categories: Records, faults: Faults) -> dict[int, str]:
    if not len(categories):
        faults.add("categories", "the list is empty")
    names = {}
    for key, index in categories.positions(faults).items():
        with faults:
            names[key] = categories.get(index, "name", str)
    return names


def _ground_truth_track(record: TrackRecord, rules: Rules) -> GroundTruthTrack:
    try:
        track = Track(decode_masks(record.segmentations, record.video.height, record.video.width))
        return GroundTruthTrack(
            id=record.id,
            iscrowd=record.iscrowd,
            mean_area=_mean_area(record.fields.get("areas"), track, rules),
            occlusion=_occlusion(record.fields.get("occlusion")),
            track=track,
        )
    except InputError as error:
        raise InputError(f"{record.where}: {error}") from None


def _mean_area(areas: object, track: Track, rules: Rules) -> float:
    if rules.ground_truth_area == "zero":
        return 0.0
    if rules.ground_truth_area == "masks" or areas is None:
        return track.mean_area
    if not isinstance(areas, list) or not all(a is None or is_number(a) for a in areas):
        raise InputError("areas is not a list of numbers and nulls")
    if rules.ground_truth_area == "annotation_int":
        areas = [a and int(a) for a in areas]
    return mean_of_nonzero(areas)


def _occlusion(labels: object) -> float | None:
    """Mean of the upper half (rounded up) of the labelled frames' scores."""
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(x is None or (isinstance(x, str) and x in OCCLUSION) for x in labels):
        raise InputError(f"occlusion has labels other than {', '.join(OCCLUSION)}, null")
    scores = sorted(OCCLUSION[label] for label in labels if label is not None)
    upper = scores[len(scores) - ceil(len(scores) / 2) :]
    return sum(upper) / len(upper) if upper else None
