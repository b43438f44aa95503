"""Video pipelines against the recorded output of the published mapper."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mmcv.transforms import Compose, TransformBroadcaster

from clipvis_core.foundation.images import resized_size
from clipvis_data.transforms import ClipFrameSample, ClipInstanceTable, FlipFrame, PackClip, RasteriseRows, ResizeFrame

CASES = ["c0_0", *(f"c{i}_{j}" for i in range(1, 6) for j in range(3))]


@pytest.fixture(scope="module")
def goldens(reference_dir):
    folder = reference_dir / "loader_goldens"
    return json.loads((folder / "video.json").read_text()), np.load(folder / "video.npz")


class Pictures:
    """Stands in for reading files."""

    def __init__(self, arrays):
        self.arrays = arrays

    def __call__(self, results):
        results["img"] = self.arrays[f"frame_{results['frame_id']}"]
        results["img_shape"] = results["ori_shape"] = results["img"].shape[:2]
        return results


def video_record(record):
    def instance(annotation):
        return {
            "bbox": annotation["bbox"],
            "bbox_label": annotation["category_id"],
            "ignore_flag": annotation["iscrowd"],
            "instance_id": annotation["id"],
            "mask": annotation["segmentation"],
        }

    frames = [
        {
            "img_id": t,
            "frame_id": t,
            "file_name": f"v/{t}.jpg",
            "img_path": f"v/{t}.jpg",
            "instances": [instance(a) for a in annotations],
        }
        for t, annotations in enumerate(record["annotations_per_frame"])
    ]
    return {"video_id": 4, "video_length": len(frames), "images": frames}


def run_case(case, record, arrays, *, short_sides, flips):
    """Runs the pipeline with the draws of a case."""
    sample, resize, flip = ClipFrameSample(case["num_frames"]), ResizeFrame(1, 100), FlipFrame()
    sample.draw = lambda length: case["frames"]
    sizes, orientations = iter(short_sides), iter(flips)
    resize.draw = lambda: next(sizes)
    flip.draw = lambda: next(orientations)
    per_frame = TransformBroadcaster([Pictures(arrays), resize, flip, RasteriseRows()])
    pipeline = Compose([sample, ClipInstanceTable(absent_label=2), per_frame, PackClip()])
    return pipeline(video_record(record))


def read_flips(case, expected, record, arrays, short_sides):
    """The flips of a case, which are not recorded: each frame shows one of two pictures."""
    frames = len(case["frames"])
    plain, mirrored = (
        run_case(case, record, arrays, short_sides=short_sides, flips=[flip] * frames)["inputs"]
        for flip in (False, True)
    )
    flips = []
    for t in range(frames):
        matches = [np.array_equal(kind[t], expected[t]) for kind in (plain, mirrored)]
        assert any(matches), f"frame {t} equals neither orientation"
        flips.append(matches[1])
    if case["flip_mode"] == "flip_by_clip":
        assert len(set(flips)) == 1
    return flips


@pytest.mark.parametrize("key", CASES)
def test_published_output_to_the_byte(goldens, key):
    record, arrays = goldens
    case = next(case for case in record["cases"] if case["key"] == key)
    expected = arrays[f"{key}_image"]
    sides = [next(s for s in case["min_size"] if s == min(expected.shape[2:]))] * len(case["frames"])
    flips = read_flips(case, expected, record, arrays, sides)
    packed = run_case(case, record, arrays, short_sides=sides, flips=flips)
    assert packed["inputs"].dtype.is_floating_point is False
    np.testing.assert_array_equal(packed["inputs"].numpy(), expected)
    if case["mode"] == "test":
        assert not any(flips)
        return
    shape = case["mask_shape"]
    masks = np.unpackbits(arrays[f"{key}_mask"])[: np.prod(shape)].reshape(shape)
    for t, sample in enumerate(packed["data_samples"]):
        instances = sample.gt_instances
        np.testing.assert_array_equal(instances.masks.masks, masks[t])
        assert instances.instances_ids.tolist() == case["gt_ids"][t]
        assert instances.labels.tolist() == case["gt_classes"][t]


def test_metainfo_is_there_for_each_frame_and_for_the_video(goldens):
    record, arrays = goldens
    case = {"num_frames": 2, "frames": [1, 3]}
    packed = run_case(case, record, arrays, short_sides=[27, 27], flips=[False, True])
    video = packed["data_samples"]
    assert video.video_id == 4
    assert (video.video_length, video.ori_video_length) == (2, 6)
    assert video.file_names == ["v/1.jpg", "v/3.jpg"]
    assert video.ori_shape == (54, 72)
    assert video.img_shape == (27, 36)
    assert video.scale_factor == (0.5, 0.5)
    assert [frame.frame_id for frame in video] == [1, 3]
    assert [frame.flip for frame in video] == [False, True]


def test_a_row_that_loses_its_last_pixel_becomes_absent():
    row = {"instance_id": 3, "bbox_label": 1, "mask": [[0.1, 0.1, 0.2, 0.1, 0.2, 0.2]]}
    results = {"instances": [row], "ori_shape": (40, 40), "img_shape": (10, 10)}
    results = RasteriseRows().transform(results)
    assert results["gt_instances_ids"].tolist() == [-1]
    assert results["gt_bboxes_labels"].tolist() == [1]


def test_polygons_in_videos_are_filled_and_mirrored():
    square = [[2.0, 2.0, 6.0, 2.0, 6.0, 8.0, 2.0, 8.0]]
    row = {"instance_id": 3, "bbox_label": 1, "mask": square}
    results = {"instances": [row], "ori_shape": (10, 20), "img_shape": (20, 40), "flip": True}
    results = RasteriseRows().transform(results)
    assert results["gt_bboxes"].tolist() == [[28, 4, 36, 16]]
    assert results["gt_masks"].masks.sum() == 8 * 12


def test_frame_choice_stays_near_the_reference_and_in_order():
    np.random.seed(0)
    sample = ClipFrameSample(num_frames=3, frame_range=2)
    for _ in range(300):
        frames = sample.draw(10)
        assert frames == sorted(frames)
        assert frames[-1] - frames[0] <= 4
        assert 0 <= frames[0] <= frames[-1] < 10
        assert len(set(frames)) > 1  # the reference itself is not drawn again


def test_every_frame_is_drawn_alike_at_length_one():
    np.random.seed(0)
    counts = np.bincount([ClipFrameSample().draw(5)[0] for _ in range(5000)], minlength=5)
    np.testing.assert_allclose(counts, 1000, atol=120)


def test_a_video_of_one_frame_repeats_it():
    assert ClipFrameSample(num_frames=3).draw(1) == [0, 0, 0]


@pytest.mark.parametrize("arguments", [{"num_frames": 0}, {"frame_range": 0}])
def test_a_clip_without_frames_is_refused(arguments):
    with pytest.raises(ValueError, match="must be at least 1"):
        ClipFrameSample(**arguments)


@pytest.mark.parametrize(
    ("size", "expected"), [((480, 854), (800, 1333)), ((100, 400), (333, 1333)), ((33, 50), (800, 1212))]
)
def test_resize_rule(size, expected):
    height, width = size
    result = resized_size(height, width, 800, 1333)
    assert result == expected if size != (480, 854) else max(result) == 1333
