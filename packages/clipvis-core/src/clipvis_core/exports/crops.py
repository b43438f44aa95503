"""The best pictures of each track."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

from PIL import Image
from pycocotools import mask as mask_api
from tqdm import tqdm

from clipvis_core.exports.frame_files import frame_name
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.names import file_name
from clipvis_core.exports.selection import Clip, Selection, Track

INDEX = "index.csv"
_CUT = 0.25  # what an object at the picture's edge counts: it may go on outside


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes `001-dog/00012.png`, the boxes of a track in its best N frames, and `index.csv` of all of them.

    The frames in which a track is seen are parted into N spans, so that the pictures differ. The best frame of a span
    has the largest mask; at the picture's edge it counts a quarter.

    Raises:
        InputError: The video is gone.
    """
    (clip,) = selection.clips
    wanted: dict[int, list[Track]] = {}
    for track in clip.tracks:
        for frame in best_frames(track, clip, options.crops):
            wanted.setdefault(frame, []).append(track)
    with (folder / INDEX).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "track", "label", "score", "frame", "x", "y", "width", "height"))
        images = tqdm(clip.images(), "cropping", clip.num_frames, unit="frame", disable=not options.progress)
        for frame, image in enumerate(images):
            for track in wanted.get(frame, ()):
                x, y, width, height = map(int, mask_api.toBbox(track.masks[frame]))
                name = f"{folder_name(track)}/{frame_name(frame, '.png')}"
                (folder / name).parent.mkdir(exist_ok=True)
                Image.fromarray(image[y : y + height, x : x + width]).save(folder / name)
                what = (name, track.number, track.label, round(track.score, 6))
                rows.writerow((*what, clip.number(frame), x, y, width, height))


def folder_name(track: Track) -> str:
    """Name for a folder of a track's pictures."""
    return f"{track.number:03}-{file_name(track.label)}"


def best_frames(track: Track, clip: Clip, most: int) -> list[int]:
    """At most `most` frames, one of each span of those in which the track is seen."""
    frames, spans = track.frames, min(most, len(track.frames))
    edges = [len(frames) * span // spans for span in range(spans + 1)]
    parts = (frames[start:end] for start, end in pairwise(edges))
    return [max(part, key=lambda frame: _worth(track.masks[frame], clip)) for part in parts]


def _worth(mask: dict, clip: Clip) -> float:
    x, y, width, height = mask_api.toBbox(mask)
    is_cut = x == 0 or y == 0 or x + width == clip.width or y + height == clip.height
    return float(mask_api.area(mask)) * (_CUT if is_cut else 1.0)


CROPS = Kind("crops", "the best pictures of each track", write, pixels=True)
