"""The cases of ../shared/field_cases, where they are: each is read, or refused in one line, as its README has it."""

from __future__ import annotations

import numpy as np
import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.media import open_frames
from clipvis_data.datasets import CocoInstanceDataset, VideoInstanceDataset
from clipvis_data.preparation import check_annotation_file
from clipvis_data.transforms.loading import read_rgb
from clipvis_eval.image_ap import evaluate_images
from clipvis_eval.track_ap import evaluate_files

SOUND = 0.8378712871  # AP of the results that most cases share
#: AP, or what the message says.
EVALUATED = {
    **dict.fromkeys(("30_ids/2e53", "30_ids/7706992903151817196", "30_ids/2e31"), SOUND),
    **dict.fromkeys((f"27_coco_fields/{name}" for name in ("no_area", "area_null", "no_bbox", "bbox_null")), SOUND),
    **dict.fromkeys(("27_coco_fields/no_iscrowd", "31_results/polygon_results", "31_results/utf16"), SOUND),
    "30_ids/ann_id_duplicate": r"annotations\[1\] \(id 1\)",
    "30_ids/ann_of_unknown_image": "'image_id' is 99",
    "30_ids/category_duplicate": r"categories\[2\] \(id 1\)",
    "30_ids/image_duplicate": r"images\[2\] \(id 1\)",
    "28_polygons/rle_corrupt": r"annotations\[0\] .*corrupt",
    "28_polygons/rle_wrong_size": r"annotations\[0\] .*50 x 50",
    "28_polygons/rle_wh_swapped": r"annotations\[0\] .*200 x 100",
    "28_polygons/four_numbers": "under 3 points",
    "28_polygons/absent": "'segmentation' is missing",
    "28_polygons/null": "'segmentation' is missing",
    "28_polygons/flat": "not a list of numbers",
    "28_polygons/nan": "not a list of numbers",
    "46_lvis/neg_null": "'neg_category_ids' is missing",
    "46_lvis/no_frequency": "'frequency' is not f, c or r",
    "31_results/jsonl": "JSON lines",
    "60_segfault": "far outside",
}
#: Pictures of a source, and something of them: the last time in seconds, a mean, a size.
SOURCES = {
    "02_vfr/vfr.mp4": (12, "time", 6.507),
    "03_anamorphic/sar.mp4": (12, "width", 320),
    "05_hdr/pq.mp4": (12, "mean", 137.4),
    "10_animated/a.gif": (6, "mean", 132.3),
    "10_animated/a.webp": (6, "mean", 132.4),
    "11_16bit/full16.png": (1, "mean", 130.4),
    "11_16bit/twelve_in_16.png": (1, "mean", 130.4),
    "12_alpha/rgba_hidden_magenta.png": (1, "mean", 182.8),
    "13_formats/tiffs": (6, "mean", 132.3),
    "14_appledouble/clip": (6, "mean", 132.3),
    "15_unpadded/videos/clip": (12, "mean", 110.0),
    "16_paths/2024-05-01T12:30:00.mp4": (12, "width", 320),
    "44_exif_sidedata/camera_mjpeg.avi": (5, "mean", 125.9),
}
IMAGE_SETS_REFUSED = {
    "bbox_nan": "'bbox' must be",
    "case_differs": "in other letter case",
    "category_name_twice": "have the same name",
    "float_sizes": "'height' is 160.0",
    "ignore_set": "not supported",
    "missing_file": "does not exist",
    "no_ann_id": "'id' is missing",
    "no_segmentation": "'segmentation' is missing",
    "segmentation_null": "'segmentation' is missing",
    "string_ids": "'id' is '397133'",
}
FOUND_AT_LOADING = {"exif_raw_size", "swapped_sizes", "truncated_jpg"}  # and by `check`


@pytest.fixture(scope="module")
def cases(reference_dir):
    folder = reference_dir / "field_cases"
    if not folder.is_dir():
        pytest.skip(f"no field cases at {folder}")
    return folder


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluation(cases, name):
    files = cases / name / "gt.json", cases / name / "results.json"
    expected = EVALUATED[name]
    kind = "lvis" if name.startswith("46") else "coco"

    def score():
        if name == "60_segfault":
            return evaluate_files(*files, benchmark="ytvis2019")
        return evaluate_images(*files, benchmark=kind, iou_type="segm")

    if isinstance(expected, float):
        assert score().metrics["AP"] == pytest.approx(expected)
    else:
        with pytest.raises(InputError, match=expected):
            score()


@pytest.mark.parametrize("name", SOURCES)
def test_pictures(cases, name):
    count, what, expected = SOURCES[name]
    source = open_frames(cases / name)
    frames = [(frame.mean(), source.time) for frame in source]
    found = {"time": frames[-1][1], "width": source.width, "mean": np.mean([mean for mean, _ in frames])}
    assert len(frames) == count
    assert found[what] == pytest.approx(expected, abs=1.0 if what == "mean" else 0.01)


def test_training_sees_what_inference_sees(cases):
    for name in ("full16", "twelve_in_16", "ref8"):
        path = cases / "11_16bit" / f"{name}.png"
        (seen,) = open_frames(path)
        assert np.array_equal(read_rgb(str(path), *seen.shape[:2]), seen)


def test_image_sets(cases):
    """What training refuses, `check` refuses, in words of the case."""
    for folder in sorted((cases / "50_train").iterdir()):
        path = folder / "annotations/instances_train2017.json"
        faults = " ".join(check_annotation_file(path, root=folder, processes=1).faults)
        options = {"ann_file": str(path), "data_prefix": {"img": str(folder / "images/train2017")}}
        if folder.name in IMAGE_SETS_REFUSED:
            with pytest.raises(InputError, match=IMAGE_SETS_REFUSED[folder.name]):
                CocoInstanceDataset(**options)
            assert faults, folder.name
        else:
            CocoInstanceDataset(**options)
            assert bool(faults) == (folder.name in FOUND_AT_LOADING), (folder.name, faults)


def test_video_sets(cases):
    folder = cases / "35_own_videos"
    images = dict(img_path=str(folder / "bboxes_all_null/JPEGImages"))
    data = VideoInstanceDataset(ann_file=str(folder / "bboxes_all_null/instances.json"), data_prefix=images)
    videos = [data.get_data_info(index) for index in range(len(data))]
    assert sum(len(frame["instances"]) for video in videos for frame in video["images"]) == 8
    with pytest.raises(InputError, match="nothing to train on"):
        VideoInstanceDataset(ann_file=str(folder / "annotations_null/instances.json"), data_prefix=images)


def test_words(cases):
    words = {name: Vocabulary.from_file(cases / "26_bom" / name).categories for name in ("words.txt", "comma.json")}
    assert words == {
        "words.txt": (("dog", "puppy"), ("frisbee",)),
        "comma.json": (("Person, adult",), ("Chair (office, swivel)",)),
    }
