"""YOLO: a data set of polygons, as Ultralytics trains instance segmentation on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from pycocotools import mask as mask_api

from clipvis_core.exports.frame_files import frame_name, write_frames
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.outlines import joined_outline
from clipvis_core.exports.selection import Clip, Selection
from clipvis_core.foundation.whole_file import write_whole

FILE, IMAGES, LABELS = "data.yaml", "images/train", "labels/train"


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes `data.yaml`, `images/train/CLIP_00000.jpg` and `labels/train/CLIP_00000.txt`.

    The form is that of https://docs.ultralytics.com/datasets/segment/: a line is `class x1 y1 x2 y2 ...`, as shares of
    width and height. Polygons run along the edges of pixels, as COCO's do. Holes are filled, tracks and scores are
    lost, and the parts of an object are joined by bridges without width.
    """
    (folder / LABELS).mkdir(parents=True)
    for clip in selection.clips:
        for frame in range(clip.num_frames):
            path = folder / LABELS / f"{clip.name}_{frame_name(frame, '.txt')}"
            path.write_text("".join(_lines(clip, frame)), encoding="ascii")
        if options.frames:
            write_frames(clip, folder / IMAGES, prefix=f"{clip.name}_", progress=options.progress)
    content = {"train": IMAGES, "val": IMAGES, "names": dict(enumerate(selection.names))}
    write_whole(yaml.safe_dump(content, allow_unicode=True, sort_keys=False).encode(), folder / FILE)


def _lines(clip: Clip, frame: int) -> Iterator[str]:
    for track, mask in clip.visible(frame):
        shares = joined_outline(mask_api.decode(mask)) / (clip.width, clip.height)
        yield f"{track.category} {' '.join(f'{value:.6g}' for value in shares.ravel())}\n"


YOLO = Kind("yolo", "a YOLO data set of polygons, and the frames", write, joins=True)
