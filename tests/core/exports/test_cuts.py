"""Of a part of a video the pictures, places and times are those of the source."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree

import av
import numpy as np
import pytest
from answered_clips import answered, moving_masks
from PIL import Image, ImageSequence

from clipvis_core import InputError
from clipvis_core.exports import export
from clipvis_core.media import open_frames

PLACES = (2, 4, 7)


@pytest.fixture
def answer(tmp_path):
    return answered(tmp_path, masks=moving_masks()[:, :3], places=PLACES)


def test_pictures_are_those_at_the_places(answer, tmp_path):
    path = export(answer, "frames")
    source = list(open_frames(tmp_path / "videos/park"))
    assert len(list(path.glob("*.png"))) == len(PLACES)
    for frame, place in enumerate(PLACES):
        assert (np.asarray(Image.open(path / f"{frame:05}.png")) == answer.drawn().draw(source[place], frame)).all()


def test_places_and_times_are_the_sources(answer):
    with export(answer, "csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["track"] == "1"]
    assert [(row["frame"], row["time"]) for row in rows] == [("2", "0.2"), ("4", "0.4"), ("7", "0.7")]
    images = json.loads((export(answer, "coco") / "annotations.json").read_text())["images"]
    assert [(image["frame_id"], image["source_frame"]) for image in images] == list(enumerate(PLACES))
    track = ElementTree.parse(export(answer, "cvat") / "video.xml").getroot().find("track")
    assert [int(polygon.get("frame")) for polygon in track] == list(PLACES)
    (task,) = json.loads((export(answer, "labelstudio") / "video.json").read_text())
    boxes = task["predictions"][0]["result"][0]["value"]["sequence"]
    assert [box["frame"] for box in boxes] == [place + 1 for place in PLACES]


def test_videos_begin_at_once(answer):
    with av.open(str(export(answer, "rgba-mov") / "001-dog.mov")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([0.0, 0.2, 0.5])
    with Image.open(export(answer, "gif")) as picture:
        assert [frame.info["duration"] for frame in ImageSequence.Iterator(picture)] == [200, 300, 100]


def test_a_video_that_has_become_shorter(answer, tmp_path):
    (tmp_path / "videos/park/7.png").unlink()
    with pytest.raises(InputError, match="is not the video that"):
        export(answer, "frames")
