"""COCO, YouTube-VIS, MOTS, csv and YOLO, each opened by its own reader."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import yaml
from answered_clips import FRAMES, HEIGHT, WIDTH, answered, filled, iou, moving_masks
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from clipvis_core.exports import Options, export


@pytest.fixture(scope="module")
def masks():
    return moving_masks()


def test_coco_opens_in_pycocotools(tmp_path, masks, capsys):
    path = export(answered(tmp_path), "coco")
    assert path == tmp_path / "out/park/exports/coco"
    coco = COCO(path / "annotations.json")
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["dog", "car", "lamp, tall/thin"]
    assert len(coco.imgs) == FRAMES
    for image in coco.imgs.values():
        assert (path / "images" / image["file_name"]).is_file()
        found = {ann["track_id"]: ann for ann in coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))}
        there = {track + 1 for track in range(3) if masks[track, image["frame_id"]].any()}
        assert found.keys() == there
        for track, annotation in found.items():
            mask = masks[track - 1, image["frame_id"]]
            assert iou(coco.annToMask(annotation), mask) == 1.0
            assert annotation["area"] == mask.sum()
            left, top, width, height = annotation["bbox"]
            assert mask[int(top) : int(top + height), int(left) : int(left + width)].sum() == mask.sum()


def test_coco_opens_in_mmdet_as_videos(tmp_path):
    from mmdet.datasets.base_video_dataset import BaseVideoDataset

    path = export([answered(tmp_path), answered(tmp_path, "beach")], "coco", tmp_path / "coco")
    videos = BaseVideoDataset(
        ann_file="annotations.json",
        data_root=str(path),
        data_prefix=dict(img_path="images"),
        metainfo=dict(classes=("dog", "car", "lamp, tall/thin")),
        test_mode=True,
        serialize_data=False,
    )
    assert [video["video_length"] for video in videos.data_list] == [FRAMES, FRAMES]
    found = [[one for image in video["images"] for one in image["instances"]] for video in videos.data_list]
    ids = [{one["instance_id"] for one in video} for video in found]
    assert ids == [{1, 2, 3}, {4, 5, 6}]


def test_ytvis_opens_in_our_loader(tmp_path, masks):
    from clipvis_data.datasets import VideoInstanceDataset

    answers = [answered(tmp_path), answered(tmp_path, "beach", words=(("car",), ("tree", "oak"), ("dog", "hound")))]
    path = export(answers, "ytvis", tmp_path / "mine")
    videos = VideoInstanceDataset(ann_file="train.json", data_root=str(path), data_prefix=dict(img_path="frames"))
    videos.full_init()
    assert videos.metainfo["prompts"] == (("dog", "puppy", "hound"), ("car",), ("lamp, tall/thin",), ("tree", "oak"))
    park, beach = videos.get_data_info(0), videos.get_data_info(1)
    first = [video["images"][0]["instances"] for video in (park, beach)]
    labels = [{one["instance_id"]: one["bbox_label"] for one in instances} for instances in first]
    assert labels == [{1: 0, 2: 1, 3: 2}, {4: 1, 5: 3, 6: 0}]
    for frame, image in enumerate(park["images"]):
        for one in image["instances"]:
            mask = masks[one["instance_id"] - 1, frame]
            assert iou(coco_mask.decode(one["mask"]), mask) == 1.0
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert one["bbox"] == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert len(beach["images"][3]["instances"]) == 2


def test_our_checker_accepts_ytvis(tmp_path):
    from clipvis_data.preparation import check_root

    reports = check_root(export(answered(tmp_path), "ytvis"), processes=1)
    assert [report.faults for report in reports] == [[]]


def test_mots_is_perfect_against_itself_in_trackeval(tmp_path, masks):
    trackeval = pytest.importorskip("trackeval")
    words = (("person",), ("car",), ("lamp",))
    path = export(answered(tmp_path, words=words), "mots")
    truth = tmp_path / "gt/park/gt"
    truth.mkdir(parents=True)
    (truth / "gt.txt").write_bytes((path / "data/park.txt").read_bytes())
    config = {
        "GT_FOLDER": str(tmp_path / "gt"),
        "TRACKERS_FOLDER": str(path.parent),
        "TRACKERS_TO_EVAL": ["mots"],
        "SKIP_SPLIT_FOL": True,
        "SEQ_INFO": {"park": FRAMES},
        "PRINT_CONFIG": False,
    }
    data = trackeval.datasets.MOTSChallenge(config)
    raw = data.get_raw_seq_data("mots", "park")
    scores = trackeval.metrics.HOTA().eval_sequence(data.get_preprocessed_seq_data(raw, "pedestrian"))
    assert scores["HOTA"].mean() == 1.0
    for frame, (ids, found) in enumerate(zip(raw["tracker_ids"], raw["tracker_dets"], strict=True)):
        for number, detection in zip(ids, found, strict=True):
            track = {2001: 0, 1001: 1, 11001: 2}[number]
            assert iou(coco_mask.decode(detection), masks[track, frame]) == 1.0
    assert (path / "classes.txt").read_text() == "1 car\n2 person\n11 lamp\n"


def test_mots_gives_shared_pixels_to_the_better_score(tmp_path):
    masks = np.zeros((2, 1, 8, 8), dtype=bool)
    masks[0, 0, :6], masks[1, 0, 4:] = True, True
    path = export(answered(tmp_path, masks=masks, scores=(0.5, 0.8)), "mots")
    lines = [line.split() for line in (path / "data/park.txt").read_text().splitlines()]
    areas = {line[2]: coco_mask.area({"size": [8, 8], "counts": line[5]}) for line in lines}
    assert areas == {"11": 32, "1": 32}


def test_csv_has_a_row_for_each_track_and_frame(tmp_path, masks):
    path = export(answered(tmp_path), "csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * FRAMES
    away = next(row for row in rows if row["track"] == "2" and row["frame"] == "3")
    assert (away["visible"], away["x"], away["area"], away["time"]) == ("0", "", "", "0.3")
    for row in rows:
        mask = masks[int(row["track"]) - 1, int(row["frame"])]
        assert (row["visible"] == "1") == mask.any()
        if mask.any():
            assert int(row["area"]) == mask.sum()
            x, y, width, height = (int(row[key]) for key in ("x", "y", "width", "height"))
            assert mask[y : y + height, x : x + width].sum() == mask.sum()
    assert {row["label"] for row in rows} == {"dog", "car", "lamp, tall/thin"}


def test_yolo_polygons_are_the_filled_masks(tmp_path, masks):
    path = export(answered(tmp_path), "yolo")
    facts = yaml.safe_load((path / "data.yaml").read_text(encoding="utf-8"))
    assert facts["names"] == {0: "dog", 1: "car", 2: "lamp, tall/thin"}
    for frame in range(FRAMES):
        assert (path / facts["train"] / f"park_{frame:05}.jpg").is_file()
        for line in (path / f"labels/train/park_{frame:05}.txt").read_text().splitlines():
            label, *values = line.split()
            polygon = (np.array(values, float).reshape(-1, 2) * (WIDTH, HEIGHT)).ravel().tolist()
            found = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon], HEIGHT, WIDTH)))
            assert iou(found, filled(masks[int(label), frame])) == 1.0


def test_yolo_opens_in_supervision(tmp_path, masks):
    supervision = pytest.importorskip("supervision")
    path = export(answered(tmp_path), "yolo")
    data = supervision.DetectionDataset.from_yolo(
        str(path / "images/train"), str(path / "labels/train"), str(path / "data.yaml"), force_masks=True
    )
    assert data.classes == ["dog", "car", "lamp, tall/thin"]
    for name, _, found in data:
        frame = int(name[-9:-4])
        assert set(found.class_id) == {track for track in range(3) if masks[track, frame].any()}
        for label, mask, box in zip(found.class_id, found.mask, found.xyxy, strict=True):
            truth = filled(masks[label, frame])
            assert iou(mask, truth) > 0.6  # its own filling takes in the pixels right of and below an outline
            rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
            assert np.abs(box - (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)).max() <= 1


def test_several_videos_of_one_name_are_told_apart(tmp_path):
    answers = [answered(tmp_path / "a"), answered(tmp_path / "b")]
    path = export(answers, "ytvis", tmp_path / "mine", options=Options(frames=False))
    videos = json.loads((path / "train.json").read_text())["videos"]
    assert [video["name"] for video in videos] == ["park", "park-2"]
    assert not (path / "frames").exists()
