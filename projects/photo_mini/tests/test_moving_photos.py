"""Clips from photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_data.transforms.masks import bitmap_masks
from projects.photo_mini.photo_mini.moving_photos import MovePhoto, MovingObject, PackMovedPhoto, Window

SIZE = 32


def photo(boxes, grey, **more):
    """A photo of one grey level; object i, of a box (x, y, w, h), is i + 1 lighter."""
    masks = np.zeros((len(boxes), SIZE, SIZE), np.uint8)
    img = np.full((SIZE, SIZE, 3), grey, np.uint8)
    for i, (x, y, w, h) in enumerate(boxes):
        masks[i, y : y + h, x : x + w] = 1
        img[y : y + h, x : x + w] = grey + i + 1
    return {
        "img": img,
        "img_id": 7,
        "img_path": "photos/7.jpg",
        "ori_shape": (SIZE, SIZE),
        "img_shape": (SIZE, SIZE),
        "gt_masks": bitmap_masks(masks),
        "gt_bboxes_labels": np.arange(len(boxes)) + grey,
        **more,
    }


def clip(below, above, **options):
    mix = {"mix_results": [photo(above, 200)]} if above else {}
    transform = MovePhoto(**{"min_area": 1, "least_share": 1.0, **options})
    return transform.transform({**photo(below, 10), "exhaustive": True, **mix})


def test_nothing_moves_without_room_and_objects():
    results = clip([(2, 3, 8, 9)], [], num_frames=3)
    assert len(results["img"]) == 3
    for img, masks in zip(results["img"], results["gt_masks"], strict=True):
        np.testing.assert_array_equal(img, photo([(2, 3, 8, 9)], 10)["img"])
        assert masks.masks[0].sum() == 72
    assert [ids.tolist() for ids in results["gt_instances_ids"]] == [[0]] * 3


def test_the_whole_photo_is_itself_and_a_part_is_enlarged():
    pixels = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    np.testing.assert_array_equal(Window(0, 0, 1.0).see(pixels, cv2.INTER_LINEAR), pixels)
    seen = Window(8, 4, 0.5).see(pixels, cv2.INTER_NEAREST)
    assert seen.shape == pixels.shape
    part = pixels[4 : 4 + SIZE // 2, 8 : 8 + SIZE // 2]
    np.testing.assert_allclose(np.sort(np.unique(seen)), np.sort(np.unique(part)), rtol=0, atol=0)


def test_a_window_goes_straight():
    middle = Window(0, 0, 1.0).towards(Window(8, 4, 0.5), 0.5)
    assert (middle.left, middle.top, middle.share) == (4, 2, 0.75)


@pytest.mark.parametrize(("frame", "columns"), [(0, (4, 8)), (2, (10, 14)), (10, None)])
def test_an_object_moves_and_leaves(frame, columns):
    square = np.ones((4, 4), np.uint8)
    moving = MovingObject(
        pixels=np.full((4, 4, 3), 99, np.uint8),
        mask=square,
        label=1,
        start=np.array([6.0, 6.0]),
        step=np.array([3.0, 0.0]),
        growth=1.0,
    )
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    seen = moving.put(image, frame)
    np.testing.assert_array_equal(seen, (image == 99).all(axis=-1))
    if columns is None:
        assert not seen.any()
    else:
        assert np.flatnonzero(seen.any(axis=0)).tolist() == list(range(*columns))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 4))
def test_rows_are_the_same_in_all_frames_and_masks_do_not_overlap(seed, frames):
    np.random.seed(seed)
    results = clip(
        [(0, 0, 12, 12), (14, 14, 12, 12)],
        [(4, 4, 9, 9), (18, 2, 8, 20)],
        num_frames=frames,
        least_share=0.6,
        min_area=5,
    )
    labels = results["gt_bboxes_labels"]
    assert all(np.array_equal(labels[0], other) for other in labels)
    for img, masks, ids in zip(results["img"], results["gt_masks"], results["gt_instances_ids"], strict=True):
        assert img.shape == (SIZE, SIZE, 3)
        assert img.dtype == np.uint8
        assert len(masks.masks) == len(ids) == len(labels[0])
        assert masks.masks.sum(axis=0).max() <= 1
        areas = masks.masks.sum(axis=(1, 2))
        assert ((ids == -1) == (areas == 0)).all()
        assert (areas[ids >= 0] >= 5).all()
        assert (ids[ids >= 0] == np.flatnonzero(ids >= 0)).all()


def test_a_clip_is_packed_with_what_the_model_needs():
    np.random.seed(0)
    packed = PackMovedPhoto().transform(clip([(2, 3, 8, 9)], [(4, 4, 9, 9)]))
    assert packed["inputs"].shape == (2, 3, SIZE, SIZE)
    assert packed["data_samples"].metainfo["exhaustive"] is True
    for frame in packed["data_samples"].video_data_samples:
        assert len(frame.gt_instances.masks.masks) == len(frame.gt_instances.instances_ids) == 2


def test_its_text_names_the_options():
    assert "num_frames=2" in repr(MovePhoto())
