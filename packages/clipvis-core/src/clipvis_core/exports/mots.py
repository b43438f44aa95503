"""MOTS: text files that TrackEval and the MOTS tools read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
from pycocotools import mask as mask_api

from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Clip, Selection
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole

DATA, CLASSES = "data", "classes.txt"
MOST = 999  # objects of a class: ids are class * 1000 + object
_KNOWN = {"car": 1, "pedestrian": 2, "person": 2}  # as the benchmarks number them; 10 is their region to ignore
_FIRST_OTHER = 11


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes `data/CLIP.txt`, the folder TrackEval looks in, and `classes.txt`, the number and name of each class.

    A line is `frame id class height width rle`, as https://www.vision.rwth-aachen.de/page/mots says, with frames from 1
    as in the MOTS Challenge, and ids of `class * 1000 + object`. Objects must not overlap there: a pixel goes to the
    better score.

    Raises:
        InputError: A video has over 999 objects of a class.
    """
    classes = class_numbers(selection.names)
    (folder / DATA).mkdir()
    for clip in selection.clips:
        write_whole("".join(_lines(clip, classes)).encode("ascii"), folder / DATA / f"{clip.name}.txt")
    names = sorted(zip(classes, selection.names, strict=True))
    write_whole("".join(f"{number} {name}\n" for number, name in names).encode(), folder / CLASSES)


def class_numbers(names: list[str]) -> list[int]:
    """The number of each category: 1 for cars and 2 for people, as in the benchmarks; from 11 for others."""
    others = count(_FIRST_OTHER)
    return [_KNOWN.get(name.casefold()) or next(others) for name in names]


def _lines(clip: Clip, classes: list[int]) -> Iterator[str]:
    ids, used = {}, dict.fromkeys(classes, 0)
    for track in clip.tracks:
        number = classes[track.category]
        used[number] += 1
        if used[number] > MOST:
            raise InputError(f"{clip.answer.folder}: over {MOST} tracks of {track.label} do not fit into MOTS ids")
        ids[track.id] = number * 1000 + used[number]
    for frame in range(clip.num_frames):
        taken = np.zeros((clip.height, clip.width), dtype=bool)
        for track, mask in clip.visible(frame):
            free = (mask_api.decode(mask) > 0) & ~taken
            if free.any():
                taken |= free
                code = mask_api.encode(np.asfortranarray(free.view(np.uint8)))["counts"].decode("ascii")
                place = f"{frame + 1} {ids[track.id]} {classes[track.category]}"
                yield f"{place} {clip.height} {clip.width} {code}\n"


MOTS = Kind("mots", "MOTS text files, which TrackEval reads", write, joins=True)
