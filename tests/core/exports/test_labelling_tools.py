"""CVAT and Label Studio, each opened by its own reader."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from answered_clips import FRAMES, HEIGHT, WIDTH, answered, cvat_mask, filled, iou, moving_masks
from pycocotools import mask as coco_mask

from clipvis_core.exports import Options, export
from clipvis_core.exports.brush_rle import brush_rle


@pytest.fixture(scope="module")
def masks():
    return moving_masks()


def test_cvat_images_hold_exact_masks_grouped_by_track(tmp_path, masks):
    path = export(answered(tmp_path), "cvat")
    root = ElementTree.parse(path / "images.xml").getroot()
    assert [label.findtext("name") for label in root.iter("label")] == ["dog", "car", "lamp, tall/thin"]
    images = root.findall("image")
    assert [int(image.get("id")) for image in images] == list(range(FRAMES))
    for frame, image in enumerate(images):
        assert (path / "images" / image.get("name")).is_file()
        found = {int(mask.get("group_id")) - 1: cvat_mask(mask, (HEIGHT, WIDTH)) for mask in image.findall("mask")}
        assert found.keys() == {track for track in range(3) if masks[track, frame].any()}
        assert all(iou(mask, masks[track, frame]) == 1.0 for track, mask in found.items())
    names = [label["name"] for label in json.loads((path / "labels.json").read_text())]
    assert names == ["dog", "car", "lamp, tall/thin"]


def test_cvat_video_has_tracks_of_polygons(tmp_path, masks):
    path = export(answered(tmp_path), "cvat", options=Options(frames=False))
    tracks = ElementTree.parse(path / "video.xml").getroot().findall("track")
    assert [(track.get("id"), track.get("label")) for track in tracks] == [
        ("1", "dog"), ("2", "car"), ("3", "lamp, tall/thin")
    ]  # fmt: skip
    for index, track in enumerate(tracks):
        for polygon in track.findall("polygon"):
            truth = masks[index, int(polygon.get("frame"))]
            assert (polygon.get("outside") == "1") == (not truth.any())
            points = [float(value) for pair in polygon.get("points").split(";") for value in pair.split(",")]
            found = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([points], HEIGHT, WIDTH)))
            assert not truth.any() or iou(found, filled(truth)) == 1.0


def test_cvat_opens_in_datumaro(tmp_path, masks):
    pytest.importorskip("datumaro")
    from datumaro.components.dataset import Dataset

    path = export(answered(tmp_path), "cvat")
    (path / "video.xml").unlink()  # datumaro takes each xml of a folder for a subset
    data = Dataset.import_from(str(path), "cvat")
    seen = 0
    for item in data:
        frame = int(item.attributes["frame"])
        for annotation in item.annotations:
            assert iou(annotation.image, masks[annotation.group - 1, frame]) == 1.0
            seen += 1
    assert seen == masks.any(axis=(2, 3)).sum()


def test_cvat_tracks_open_in_datumaro(tmp_path, masks):
    pytest.importorskip("datumaro")
    from datumaro.components.dataset import Dataset

    path = export(answered(tmp_path), "cvat", options=Options(frames=False))
    (path / "images.xml").unlink()
    seen = 0
    for item in Dataset.import_from(str(path), "cvat"):
        for polygon in item.annotations:
            truth = masks[polygon.attributes["track_id"] - 1, int(item.attributes["frame"])]
            assert polygon.attributes["outside"] == (not truth.any())
            if truth.any():
                found = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon.points], HEIGHT, WIDTH)))
                assert iou(found, filled(truth)) == 1.0
                seen += 1
    assert seen == masks.any(axis=(2, 3)).sum()


def test_label_studio_reads_the_brush_masks(tmp_path, masks):
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    tasks = json.loads((export(answered(tmp_path), "labelstudio") / "images.json").read_text())
    assert len(tasks) == FRAMES
    for frame, task in enumerate(tasks):
        results = task["predictions"][0]["result"]
        assert len(results) == masks[:, frame].any(axis=(1, 2)).sum()
        for result in results:
            track = int(result["id"].removeprefix("track-")) - 1
            size = (result["original_height"], result["original_width"])
            pixels = brush.decode_rle(result["value"]["rle"]).reshape(*size, 4)
            assert iou(pixels[:, :, 3] > 127, masks[track, frame]) == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (40, 56), (300, 301)])
def test_brush_masks_are_coded_as_label_studio_codes_them(shape):
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    for mask in (np.zeros(shape, bool), np.ones(shape, bool), np.random.default_rng(0).random(shape) < 0.3):
        theirs = brush.mask2rle(mask.astype(np.uint8) * 255)
        ours = brush_rle(mask)
        assert ours == theirs[: len(ours)]  # theirs may end with an empty byte


def test_label_studio_interface_accepts_the_tasks(tmp_path):
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    path = export(answered(tmp_path), "labelstudio", options=Options(frames=False))
    for name in ("images", "video"):
        view = interface.LabelInterface((path / f"{name}.xml").read_text())
        tasks = json.loads((path / f"{name}.json").read_text())
        assert tasks
        for task in tasks:
            assert all(task["data"].get(shown.value_name) for shown in view.objects)
            assert view.validate_prediction(task["predictions"][0], return_errors=True) == []


def test_label_studio_video_boxes_are_the_masks(tmp_path, masks):
    path = export(answered(tmp_path), "labelstudio", options=Options(frames=False))
    (task,) = json.loads((path / "video.json").read_text())
    results = task["predictions"][0]["result"]
    assert [result["value"]["labels"] for result in results] == [["dog"], ["car"], ["lamp, tall/thin"]]
    for track, result in enumerate(results):
        value = result["value"]
        assert value["framesCount"] == FRAMES
        for box in value["sequence"]:
            mask = masks[track, box["frame"] - 1]
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert box["x"] * WIDTH / 100 == pytest.approx(columns[0])
            assert (box["y"] + box["height"]) * HEIGHT / 100 == pytest.approx(rows[-1] + 1)
    away = [box["enabled"] for box in results[1]["value"]["sequence"]]
    assert away == [True, True, False, True, False]
