"""The video reader: every form a benchmark publishes, and what it says about damage."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from builders import encode_box, save_picture, video_json, write_json, write_videos
from mmdet.registry import DATASETS
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_data.datasets import VideoInstanceDataset
from clipvis_data.preparation import check_annotation_file

TRAIN = [
    {"type": "ClipFrameSample", "num_frames": 2},
    {"type": "ClipInstanceTable"},
    {
        "type": "TransformBroadcaster",
        "transforms": [
            {"type": "LoadRGBImage"},
            {"type": "ResizeFrame", "short_sides": 16},
            {"type": "FlipFrame"},
            {"type": "RasteriseRows"},
        ],
    },
    {"type": "PackClip"},
]
TEST = [
    {
        "type": "TransformBroadcaster",
        "transforms": [{"type": "LoadRGBImage"}, {"type": "ResizeFrame", "short_sides": 16}],
    },
    {"type": "PackClip"},
]


def build(root, **kwargs):
    config = {
        "type": "VideoInstanceDataset",
        "data_root": str(root),
        "ann_file": "instances.json",
        "data_prefix": {"img_path": "JPEGImages"},
        **kwargs,
    }
    return DATASETS.build(config)


@pytest.fixture
def data():
    return video_json()


def test_records_have_mmdets_form(tmp_path, data):
    write_videos(tmp_path, data)
    dataset = build(tmp_path)
    assert isinstance(dataset, VideoInstanceDataset)
    assert dataset.metainfo["classes"] == ("dog", "cat")
    assert dataset.metainfo["prompts"] == (("dog",), ("cat",))
    assert dataset.metainfo["category_ids"] == (1, 2)
    assert len(dataset) == 3
    assert dataset.num_all_imgs == 12
    record = dataset.get_data_info(0)
    assert record["video_id"] == 1
    first, second = record["images"][:2]
    assert [i["instance_id"] for i in first["instances"]] == [2]
    assert [i["instance_id"] for i in second["instances"]] == [2, 3]
    assert second["instances"][1]["bbox"] == [15, 5, 23, 12]
    assert second["instances"][1]["bbox_label"] == 0
    assert first["img_path"] == str(tmp_path / "JPEGImages/video1/00000.jpg")
    assert dataset.get_data_info(2)["images"][1]["instances"][1]["ignore_flag"] == 1


def test_videos_come_in_ascending_order_of_id(tmp_path, data):
    data["videos"].reverse()
    write_videos(tmp_path, data)
    dataset = build(tmp_path)
    assert [dataset.get_data_info(i)["video_id"] for i in range(3)] == [1, 2, 3]


def test_a_training_item(tmp_path, data):
    write_videos(tmp_path, data)
    np.random.seed(0)
    item = build(tmp_path, pipeline=TRAIN)[2]
    assert item["inputs"].shape == (2, 3, 16, 24)
    for frame in item["data_samples"]:
        instances = frame.gt_instances
        assert len(instances) == 2  # the crowd keeps its slot
        assert instances.instances_ids.tolist()[1] == -1
        assert instances.masks.masks.shape == (2, 16, 24)


def test_a_test_item_is_the_whole_video(tmp_path, data):
    data["annotations"] = None
    write_videos(tmp_path, data)
    item = build(tmp_path, pipeline=TEST, test_mode=True)[1]
    assert item["inputs"].shape == (4, 3, 16, 24)
    video = item["data_samples"]
    assert video.video_id == 2
    assert video.ori_video_length == 4
    assert video.ori_shape == (32, 48)
    assert [frame.frame_id for frame in video] == [0, 1, 2, 3]
    assert video.file_names == data["videos"][1]["file_names"]


@pytest.mark.parametrize("form", ["absent", "null", "empty"])
def test_test_sets_without_annotations(tmp_path, data, form):
    if form == "absent":
        del data["annotations"]
    else:
        data["annotations"] = None if form == "null" else []
    write_videos(tmp_path, data)
    with pytest.raises(InputError, match=r"instances.json: has no object, so there is nothing to train on"):
        build(tmp_path)
    dataset = build(tmp_path, test_mode=True)
    assert len(dataset) == 3  # no video is left out
    assert dataset.get_data_info(0)["images"][0]["instances"] == []


def test_all_mask_forms_give_the_same_masks(tmp_path, data):
    box = [4, 5, 8, 6]
    flat = np.zeros((32, 48), np.uint8, order="F")
    flat[5:11, 4:12] = 1
    runs = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(flat.ravel("F"))) + 1, [flat.size]]))
    polygon = [4.0, 5.0, 12.0, 5.0, 12.0, 11.0, 4.0, 11.0]
    forms = [encode_box(32, 48, *box), {"size": [32, 48], "counts": runs.tolist()}, [polygon, [1.0, 2.0]], None]
    data["annotations"] = [{**data["annotations"][0], "segmentations": forms, "bboxes": [box] * 4}]
    write_videos(tmp_path, data)
    frames = build(tmp_path).get_data_info(0)["images"]
    masks = [frame["instances"][0]["mask"] for frame in frames[:3]]
    np.testing.assert_array_equal(mask_api.decode(masks[0]), flat)
    np.testing.assert_array_equal(mask_api.decode(masks[1]), flat)
    assert masks[2] == [polygon]
    assert frames[2]["instances"][0]["bbox"] == [4, 5, 12, 11]
    assert frames[3]["instances"] == []


def test_boxes_may_be_missing_and_null_boxes_drop_the_frame(tmp_path, data):
    data["annotations"][0]["bboxes"][2] = None
    del data["annotations"][2]["bboxes"]
    write_videos(tmp_path, data)
    dataset = build(tmp_path)
    present = [len(frame["instances"]) for frame in dataset.get_data_info(0)["images"]]
    assert present == [1, 2, 1, 2]
    assert len(dataset.get_data_info(1)["images"][0]["instances"]) == 1
    masks_only = build(tmp_path, require_boxes=False).get_data_info(0)["images"]
    assert [len(frame["instances"]) for frame in masks_only] == [1, 2, 2, 2]


def test_windows_file_names(tmp_path, data):
    for video in data["videos"]:
        video["file_names"] = ["D:\\data\\" + name.replace("/", "\\") for name in video["file_names"]]
    for t, name in enumerate(data["videos"][0]["file_names"]):
        save_picture(tmp_path / "JPEGImages" / "/".join(name.split("\\")[-2:]), 32, 48, t)
    data["videos"] = data["videos"][:1]
    data["annotations"] = data["annotations"][:2]
    write_json(tmp_path / "instances.json", data)
    record = build(tmp_path).get_data_info(0)
    assert record["images"][1]["file_name"] == "video1/00001.jpg"


@pytest.mark.parametrize("prefix", ["C:\\\\u\\\\", "..\\\\..\\\\studio\\\\", "deep\\\\"])
def test_names_from_another_machine_are_found(tmp_path, data, prefix):
    folder = "JPEGImages" if prefix != "deep\\\\" else "JPEGImages/deep"
    for video in data["videos"]:
        for t, name in enumerate(video["file_names"]):
            save_picture(tmp_path / folder / name.replace("00000", "12:30"), 32, 48, t)
        video["file_names"] = [prefix + n.replace("/", "\\").replace("00000", "12:30") for n in video["file_names"]]
    write_json(tmp_path / "instances.json", data)
    record = build(tmp_path).get_data_info(1)
    assert [image["img_path"] for image in record["images"]] == [
        str(tmp_path / folder / "video2" / f"{name}.jpg") for name in ("12:30", "00001", "00002", "00003")
    ]
    assert check_annotation_file(tmp_path / "instances.json", processes=1).faults == []


def test_letter_case_is_named(tmp_path, data):
    write_videos(tmp_path, data)
    frame = tmp_path / "JPEGImages" / "video2" / "00001.jpg"
    frame.rename(frame.with_suffix(".JPG"))
    with pytest.raises(InputError, match=r"does not exist; its folder has 00001.JPG, in other letter case"):
        build(tmp_path)


def test_boxes_that_are_all_null_are_measured(tmp_path, data):
    data["annotations"][0]["bboxes"] = [None] * 4
    write_videos(tmp_path, data)
    frames = build(tmp_path).get_data_info(0)["images"]
    assert [frame["instances"][0]["bbox"] for frame in frames] == [[4 + t, 5, 12 + t, 11] for t in range(4)]


def test_length_cuts_the_file_names(tmp_path, data):
    data["videos"][0]["length"] = 2
    write_videos(tmp_path, data)
    assert build(tmp_path).get_data_info(0)["video_length"] == 2


def test_a_video_may_end_where_its_frames_change_size(tmp_path, data):
    write_videos(tmp_path, data)
    frames = data["videos"][1]["file_names"]
    save_picture(tmp_path / "JPEGImages" / frames[2], 30, 48)
    dataset = build(tmp_path, cut_at_size_change=True)
    assert [dataset.get_data_info(i)["video_length"] for i in range(3)] == [4, 2, 4]
    assert len(dataset.get_data_info(1)["images"][1]["instances"]) == 2
    save_picture(tmp_path / "JPEGImages" / frames[0], 30, 48)
    with pytest.raises(InputError, match=r"the first frame of its video, is not 32 x 48"):
        build(tmp_path, cut_at_size_change=True)


def test_the_first_of_several_annotation_files_is_taken(tmp_path, data):
    write_videos(tmp_path, data)
    assert len(build(tmp_path, ann_file=["absent.json", "instances.json"])) == 3
    with pytest.raises(InputError, match=r"absent.json or .*other.json does not exist"):
        build(tmp_path, ann_file=["absent.json", "other.json"])


def test_videos_from_folders(tmp_path, data):
    write_videos(tmp_path, data)
    (tmp_path / "JPEGImages" / "empty").mkdir()
    save_picture(tmp_path / "JPEGImages" / "video10" / "2.jpg", 32, 48)
    save_picture(tmp_path / "JPEGImages" / "video10" / "10.jpg", 32, 48)
    (tmp_path / "JPEGImages" / "video10" / "._2.jpg").write_bytes(b"of a Mac")
    dataset = build(tmp_path, ann_file="", vocabulary="ytvis2019", test_mode=True)
    assert len(dataset) == 4
    assert [frame["file_name"] for frame in dataset.get_data_info(3)["images"]] == ["video10/2.jpg", "video10/10.jpg"]
    record = dataset.get_data_info(0)
    assert (record["video_id"], record["height"], record["width"]) == (0, 32, 48)
    assert record["images"][3]["file_name"] == "video1/00003.jpg"
    with pytest.raises(InputError, match=r"no list 'categories'; name a vocabulary"):
        build(tmp_path, ann_file="")


def test_folders_without_videos(tmp_path):
    with pytest.raises(InputError, match=r"does not exist; check data_root"):
        build(tmp_path, ann_file="", vocabulary="ovis")
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(InputError, match=r"no folder with images"):
        build(tmp_path, ann_file="", vocabulary="ovis")


def test_records_are_pickled_once_and_shared(tmp_path, data):
    """What a worker process would copy: the serialised array, not Python objects."""
    write_videos(tmp_path, data)
    dataset = build(tmp_path)
    assert dataset.data_list == []
    assert isinstance(dataset.data_bytes, np.ndarray)
    assert len(pickle.loads(pickle.dumps(dataset))) == 3


def test_real_videos(reference_dir):
    dataset = build(reference_dir / "samples" / "davis_vis", pipeline=TRAIN)
    assert len(dataset) == 11
    assert dataset.metainfo["classes"] == ("person", "dog", "swan", "camel", "goat", "car")
    assert dataset[0]["data_samples"][0].gt_instances.masks.masks.sum() > 0


def spoil(data, path, value):
    *parents, last = path
    target = data
    for key in parents:
        target = target[key]
    if value is KeyError:
        del target[last]
    else:
        target[last] = value


FAULTS = {
    "no videos": (["videos"], KeyError, "has no list 'videos'"),
    "video no object": (["videos", 1], "x", r"videos\[1\] is not an object"),
    "no id": (["videos", 0, "id"], KeyError, r"videos\[0\]: field 'id' is missing"),
    "id text": (["videos", 0, "id"], "1", r"field 'id' is '1'; it must be a whole number"),
    "duplicate video": (["videos", 2, "id"], 1, r"videos\[2\] \(id 1\): the id is already taken"),
    "duplicate track": (["annotations", 3, "id"], 2, "the id is already taken by annotations.0."),
    "huge size": (["videos", 0, "height"], 10**9, "size 1000000000 x 48 is not one of an image"),
    "zero size": (["videos", 0, "width"], 0, "size 32 x 0 is not one of an image"),
    "no names": (["videos", 0, "file_names"], KeyError, "field 'file_names' is missing"),
    "too few names": (["videos", 0, "length"], 5, "'length' is 5, but there are 4 file_names"),
    "name no text": (["videos", 0, "file_names", 0], 7, "file_names holds '7', not text"),
    "climbs out": (["videos", 0, "file_names", 0], "../../etc/x.jpg", "stay inside the data root"),
    "empty name": (["videos", 0, "file_names", 0], "", "stay inside the data root"),
    "unknown video": (["annotations", 0, "video_id"], 77, "'video_id' is 77, but there is no such"),
    "unknown category": (["annotations", 0, "category_id"], 9, "'category_id' is 9, but there is no such category"),
    "no masks": (["annotations", 0, "segmentations"], KeyError, "'segmentations' is missing"),
    "short masks": (["annotations", 0, "segmentations"], [None], "must be a list of 4 entries"),
    "short boxes": (["annotations", 0, "bboxes"], [None], "'bboxes' must be a list of 4 entries"),
    "mask of another size": (
        ["annotations", 0, "segmentations", 1, "size"],
        [32, 47],
        r"annotations\[0\] \(id 2\): segmentations\[1\] is 32 x 47 .* must be 32 x 48",
    ),
    "corrupt mask": (
        ["annotations", 0, "segmentations", 1, "counts"],
        "00",
        r"segmentations\[1\] has runs of 0 pixels",
    ),
    "mask a number": (["annotations", 0, "segmentations", 1], 3, "is a int, not an RLE object"),
    "polygon of text": (["annotations", 0, "segmentations", 1], [["a"] * 6], "not a list of num"),
    "polygon not finite": (["annotations", 0, "segmentations", 1], [[float("nan")] * 6], "not a list of numbers"),
    "useless polygon": (["annotations", 0, "segmentations", 1], [[1.0, 2.0]], "has a polygon of under 3 points"),
    "half a point": (["annotations", 0, "segmentations", 1], [[1.0] * 7], "has a polygon of 7 numbers"),
    "polygon far away": (["annotations", 0, "segmentations", 1], [[0, 0, 1e9, 0, 5, 5]], "far outside the image"),
    "empty object": (["annotations", 0, "segmentations", 1], {}, "has no 'size'"),
    "id of 64 bits": (["annotations", 0, "id"], 2**63, "over the limit of 2.63 - 1"),
    "crowd": (["annotations", 0, "iscrowd"], "no", "field 'iscrowd' is 'no', not 0 or 1"),
    "duplicate category": (["categories", 1, "id"], 1, "have the same id 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damage_is_named_before_training_starts(tmp_path, fault):
    path, value, message = FAULTS[fault]
    data = copy.deepcopy(video_json())
    spoil(data, path, value)
    write_json(tmp_path / "instances.json", data)
    with pytest.raises(InputError, match=message) as caught:
        build(tmp_path, check_files=False)
    assert "instances.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_frames_are_named_once_and_counted(tmp_path, data):
    write_videos(tmp_path, data)
    for name in data["videos"][1]["file_names"][1:]:
        (tmp_path / "JPEGImages" / name).unlink()
    with pytest.raises(InputError, match=r"video2/00001.jpg \(and 2 more\), named in .*instances"):
        build(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not valid json"), ("[]", "holds a list"), ("\xff", "not valid json|cannot be read")]
)
def test_broken_files(tmp_path, text, message):
    (tmp_path / "instances.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message):
        build(tmp_path)


def test_deeply_nested_json(tmp_path):
    (tmp_path / "instances.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"cannot be read|not valid json"):
        build(tmp_path)


def test_the_vocabulary_must_belong_to_the_file(tmp_path, data):
    write_videos(tmp_path, data)
    with pytest.raises(InputError, match=r"category id 1 is 'dog', but vocabulary ovis has 'Person'"):
        build(tmp_path, vocabulary="ovis")
    words = tmp_path / "words.txt"
    words.write_text("dog\ncat\nemu\n")
    with pytest.raises(InputError, match=r"category id 3 .'emu'. of vocabulary words is missing"):
        build(tmp_path, vocabulary=str(words))
    words.write_text("Dog, puppy\ncat\n")
    dataset = build(tmp_path, vocabulary=str(words), prompt_options={"synonyms": "all"})
    assert dataset.metainfo["prompts"] == (("Dog", "puppy"), ("cat",))


def test_a_damaged_frame_is_named(tmp_path, data):
    path = write_videos(tmp_path, data)
    frame = tmp_path / "JPEGImages" / data["videos"][0]["file_names"][0]
    dataset = build(tmp_path, pipeline=TEST, test_mode=True)
    whole = frame.read_bytes()
    frame.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"00000.jpg cannot be read .damaged"):
        dataset[0]
    frame.write_bytes(b"")
    with pytest.raises(InputError, match=r"00000.jpg cannot be read .damaged"):
        dataset[0]
    save_picture(frame, 30, 48)
    with pytest.raises(InputError, match=r"is 30 x 48 .* but its annotation file says 32 x 48"):
        dataset[0]
    frame.unlink()
    with pytest.raises(InputError, match=r"00000.jpg does not exist"):
        dataset[0]
    assert json.loads(path.read_text()) == data
