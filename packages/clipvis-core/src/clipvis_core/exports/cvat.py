"""CVAT: tasks of images or of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import XMLGenerator

import numpy as np
from pycocotools import mask as mask_api

from clipvis_core.exports.frame_files import frame_name, write_frames
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.outlines import joined_outline
from clipvis_core.exports.selection import Clip, Selection, Track
from clipvis_core.foundation.whole_file import write_json

MASKS, TRACKS, LABELS, IMAGES = "images.xml", "video.xml", "labels.json", "images"


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes the two CVAT formats (https://docs.cvat.ai/docs/other/xml_format/), version 1.1.

    `images.xml` ("CVAT for images") has exact masks in each frame; the masks of a track are one group, whose number is
    the track's. `video.xml` ("CVAT for video") has tracks, which are polygons in CVAT: holes are filled and parts
    joined. `labels.json` is for the raw editor of a task's labels. `images/` are the frames for a task of images.
    Scores are lost.
    """
    (clip,) = selection.clips
    with (folder / MASKS).open("w", encoding="utf-8") as file:
        _write_masks(file, clip, selection.names)
    with (folder / TRACKS).open("w", encoding="utf-8") as file:
        _write_tracks(file, clip, selection.names)
    write_json([{"name": name, "attributes": []} for name in selection.names], folder / LABELS)
    if options.frames:
        write_frames(clip, folder / IMAGES, progress=options.progress)


class _Xml(XMLGenerator):
    """An XML file of elements with attributes and text."""

    def __init__(self, file: TextIO) -> None:
        super().__init__(file, "utf-8", short_empty_elements=True)
        self.startDocument()

    @contextmanager
    def element(self, name: str, /, **attributes: object) -> Iterator[None]:
        self.startElement(name, {key: str(value) for key, value in attributes.items()})
        yield
        self.endElement(name)
        self.ignorableWhitespace("\n")

    def empty(self, name: str, /, **attributes: object) -> None:
        with self.element(name, **attributes):
            pass

    def text(self, name: str, content: object) -> None:
        with self.element(name):
            self.characters(str(content))


def _write_meta(xml: _Xml, clip: Clip, names: Iterable[str], mode: str) -> None:
    xml.text("version", "1.1")
    with xml.element("meta"), xml.element("task"):
        facts = {"name": clip.name, "size": clip.num_frames, "mode": mode, "overlap": 0, "flipped": False}
        for name, value in (*facts.items(), ("start_frame", 0), ("stop_frame", clip.num_frames - 1)):
            xml.text(name, value)
        with xml.element("labels"):
            for name in names:
                with xml.element("label"):
                    xml.text("name", name)
                    xml.empty("attributes")
        with xml.element("original_size"):
            xml.text("width", clip.width)
            xml.text("height", clip.height)


def _write_masks(file: TextIO, clip: Clip, names: list[str]) -> None:
    xml = _Xml(file)
    with xml.element("annotations"):
        _write_meta(xml, clip, names, "annotation")
        for frame in range(clip.num_frames):
            with xml.element("image", id=frame, name=frame_name(frame), width=clip.width, height=clip.height):
                for track, mask in clip.visible(frame):
                    what = {"label": track.label, "source": "auto", "occluded": 0, "group_id": track.number}
                    xml.empty("mask", **what, **_mask(mask), z_order=0)


def _mask(mask: dict) -> dict[str, object]:
    """The attributes of a mask: its box, and the runs in it along the rows, background first."""
    left, top, width, height = map(int, mask_api.toBbox(mask))
    pixels = mask_api.decode(mask)[top : top + height, left : left + width].ravel()
    edges = np.flatnonzero(np.diff(pixels, prepend=0, append=1 - pixels[-1]))
    runs = np.diff(edges, prepend=0)
    return {"rle": ", ".join(map(str, runs.tolist())), "left": left, "top": top, "width": width, "height": height}


def _write_tracks(file: TextIO, clip: Clip, names: list[str]) -> None:
    xml = _Xml(file)
    with xml.element("annotations"):
        _write_meta(xml, clip, names, "interpolation")
        for track in clip.tracks:
            with xml.element("track", id=track.number, label=track.label, source="auto", group_id=0):
                _write_polygons(xml, clip, track)


def _write_polygons(xml: _Xml, clip: Clip, track: Track) -> None:
    """A polygon for each frame in which a track is seen, and one outside for the frame in which it leaves."""
    points = ""
    for frame in range(track.frames[0], min(track.frames[-1] + 2, clip.num_frames)):
        mask = track.masks[frame]
        if mask is None and track.masks[frame - 1] is None:
            continue
        if mask is not None:
            points = ";".join(f"{x}.00,{y}.00" for x, y in joined_outline(mask_api.decode(mask)).tolist())
        place = {"frame": clip.number(frame), "keyframe": 1, "outside": int(mask is None), "occluded": 0}
        xml.empty("polygon", **place, points=points, z_order=0)


CVAT = Kind("cvat", "CVAT tasks: masks of images, tracks of a video", write)
