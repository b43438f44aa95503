"""A table: one row a track and frame."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from pycocotools import mask as mask_api

from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Clip, Selection

COLUMNS = ("video", "frame", "time", "track", "label", "score", "visible", "x", "y", "width", "height", "area")


def write(selection: Selection, path: Path, options: Options) -> None:
    """Writes the table as csv (RFC 4180, UTF-8).

    A track has a row for each frame from the first to the last in which it is seen; where it is not seen in between,
    `visible` is 0 and the box is empty. `frame` counts in the source from 0, `time` is in seconds from its first frame,
    `x`, `y`, `width` and `height` are the mask's box and `area` its number of pixels. `track` is the track's place in
    `results.json`, from 1.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for clip in selection.clips:
            rows.writerows(_rows(clip))


def _rows(clip: Clip) -> Iterator[tuple]:
    for frame in range(clip.num_frames):
        for track in clip.tracks:
            if track.frames[0] <= frame <= track.frames[-1]:
                mask = track.masks[frame]
                where = (clip.name, clip.number(frame), round(clip.time(frame), 6))
                what = (track.number, track.label, round(track.score, 6), int(mask is not None))
                box = ("",) * 5 if mask is None else (*map(int, mask_api.toBbox(mask)), int(mask_api.area(mask)))
                yield (*where, *what, *box)


def _is_ours(path: Path) -> bool:
    """Whether a file begins as these tables do."""
    head = ",".join(COLUMNS).encode() + b"\r\n"
    with path.open("rb") as file:
        return file.read(len(head)) == head


CSV = Kind("csv", "a table with a row for each track and frame", write, "tracks.csv", joins=True, is_ours=_is_ours)
