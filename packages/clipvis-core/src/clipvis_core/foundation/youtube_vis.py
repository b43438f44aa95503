"""The YouTube-VIS form: videos and their tracks, read for datasets, evaluators and the checker alike."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, shown
from clipvis_core.foundation.masks import Polygons, check_masks
from clipvis_core.foundation.records import Records, relative_name


@dataclass(frozen=True)
class Video:
    """A video of an annotation file.

    Attributes:
        id: Its id.
        height: Height in pixels.
        width: Width in pixels.
        length: Number of frames.
        file_names: Relative path of each frame; empty where they were not asked for.
    """

    id: int
    height: int
    width: int
    length: int
    file_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrackRecord:
    """One annotated object of a video, its masks as they stand in the file.

    Attributes:
        id: Annotation id.
        video: Its video.
        category_id: Id of its category.
        iscrowd: Whether it stands for several objects.
        segmentations: An RLE, polygons or nothing (None, []) for each frame.
        fields: The whole record.
        where: How messages name it.
    """

    id: int
    video: Video
    category_id: int
    iscrowd: bool
    segmentations: list
    fields: dict
    where: str

    def checked_masks(self, frames: Sequence[int], faults: Faults) -> list[dict | Polygons]:
        """The masks of some frames; see `check_masks`."""
        return check_masks(
            [self.segmentations[t] for t in frames],
            [(self.video.height, self.video.width)] * len(frames),
            lambda position: f"{self.where}: segmentations[{frames[position]}]",
            faults,
        )


def read_videos(videos: Records, faults: Faults, *, names: bool = False) -> dict[int, Video]:
    """Videos by ascending id; notes the faults of the others.

    Args:
        videos: The list `videos`.
        faults: Takes what is wrong.
        names: Whether `file_names` are needed; the first `length` of them count.
    """
    found = {}
    for key, index in videos.positions(faults).items():
        with faults:
            height, width = videos.size(index)
            needed = names or videos.records[index].get("file_names") is not None
            listed = videos.get(index, "file_names", list) if needed else ()
            length = videos.records[index].get("length", len(listed))
            where = videos.where(index)
            if type(length) is not int or length < 1:
                raise InputError(f"{where}: field 'length' is {shown(length)}, not a whole number above 0")
            if names and length > len(listed):
                raise InputError(f"{where}: field 'length' is {length}, but there are {len(listed)} file_names")
            paths = _paths(videos, index, listed[:length]) if names else ()
            found[key] = Video(key, height, width, length, paths)
    return found


def _paths(videos: Records, index: int, names: list) -> tuple[str, ...]:
    where = videos.where(index)
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"{where}: file_names holds {str(name)[:40]!r}, not text")
    return tuple(relative_name(name, where) for name in names)


def read_tracks(
    annotations: Records,
    videos: Mapping[int, Video],
    categories: Container[int],
    faults: Faults,
    *,
    lists: tuple[str, ...] = ("segmentations",),
    exact: bool = True,
    skip: Container[int] = (),
) -> Iterator[TrackRecord]:
    """Tracks in the order of the file; notes the faults of the others.

    Args:
        annotations: The list `annotations`.
        videos: Videos by id.
        categories: Ids of the categories.
        faults: Takes what is wrong.
        lists: Fields with an entry for each frame; all but `segmentations` may be absent or null.
        exact: Whether these may not be longer than the video.
        skip: Ids of videos whose tracks are passed over in silence.
    """
    annotations.positions(faults)
    for index, fields in enumerate(annotations.records):
        owner = fields.get("video_id")
        if type(fields.get("id")) is not int or (type(owner) is int and owner in skip):
            continue
        where = annotations.where(index)
        with faults:
            video = videos[annotations.member(index, "video_id", videos)]
            category = annotations.member(index, "category_id", categories)
            iscrowd = annotations.flag(index, "iscrowd")
            annotations.get(index, "segmentations", list)
            for name in lists:
                _check_length(fields.get(name), name, video.length, exact, where)
            yield TrackRecord(
                id=fields["id"],
                video=video,
                category_id=category,
                iscrowd=iscrowd,
                segmentations=fields["segmentations"],
                fields=fields,
                where=where,
            )


def _check_length(values: object, name: str, length: int, exact: bool, where: str) -> None:
    if values is None:
        return
    if not isinstance(values, list) or len(values) < length or (exact and len(values) > length):
        raise InputError(f"{where}: field '{name}' must be a list of {length} entries, one a frame")
