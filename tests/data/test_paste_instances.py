"""Copy-paste between images."""

from __future__ import annotations

import numpy as np
import pytest
from builders import image_json, write_images
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import DATASETS

from clipvis_data.seeding import StreamIndex
from clipvis_data.transforms import PasteInstances
from clipvis_data.transforms.masks import bitmap_masks

SIZE = 24


def box_mask(x, y, w, h):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[y : y + h, x : x + w] = 1
    return mask


def scene(boxes, grey):
    """An image of one grey level with objects of the boxes (x, y, w, h)."""
    masks = np.array([box_mask(*box) for box in boxes], np.uint8).reshape(-1, SIZE, SIZE)
    return {
        "img": np.full((SIZE, SIZE, 3), grey, np.uint8),
        "gt_masks": bitmap_masks(masks),
        "gt_bboxes": np.array([[x, y, x + w, y + h] for x, y, w, h in boxes], np.float32).reshape(-1, 4),
        "gt_bboxes_labels": np.arange(len(boxes)) + grey,
    }


def paste(below, above, **options):
    results = scene(below, 10)
    results["mix_results"] = [scene(above, 200)]
    return PasteInstances(**{"min_area": 1, **options}).transform(results)


def test_what_lies_below_is_covered():
    np.random.seed(0)
    results = paste([(2, 2, 10, 10), (14, 14, 6, 6)], [(6, 0, 8, 20)])
    masks = results["gt_masks"].masks
    pasted = box_mask(6, 0, 8, 20)
    np.testing.assert_array_equal(results["img"][..., 0], np.where(pasted, 200, 10))
    assert results["gt_bboxes_labels"].tolist() == [10, 11, 200]
    assert results["gt_bboxes"].tolist() == [[2, 2, 6, 12], [14, 14, 20, 20], [6, 0, 14, 20]]
    np.testing.assert_array_equal(masks[0], box_mask(2, 2, 4, 10))
    np.testing.assert_array_equal(masks[1], box_mask(14, 14, 6, 6))
    np.testing.assert_array_equal(masks[2], pasted)


@pytest.mark.parametrize(("min_visible", "labels"), [(0.2, [10, 200]), (0.21, [200]), (0, [10, 200])])
def test_an_object_that_is_hardly_visible_is_dropped(min_visible, labels):
    np.random.seed(0)
    results = paste([(0, 0, 10, 2)], [(0, 0, 8, 8)], min_visible=min_visible)
    assert results["gt_bboxes_labels"].tolist() == labels


def test_an_object_out_of_sight_is_dropped_whatever_the_share():
    np.random.seed(0)
    results = paste([(1, 1, 2, 2)], [(0, 0, 8, 8)], min_visible=0)
    assert results["gt_bboxes_labels"].tolist() == [200]


@pytest.mark.parametrize("above", [[], [(0, 0, 3, 3)]])
def test_nothing_to_paste(above):
    results = paste([(2, 2, 4, 4)], above, min_area=10)
    assert results["gt_bboxes_labels"].tolist() == [10]
    assert (results["img"] == 10).all()


def test_an_image_without_objects_gets_some():
    np.random.seed(0)
    assert paste([], [(0, 0, 3, 3)])["gt_bboxes"].tolist() == [[0, 0, 3, 3]]


BOXES = st.lists(st.tuples(*[st.integers(0, 16)] * 2, *[st.integers(1, 8)] * 2), min_size=0, max_size=6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(below=BOXES, above=BOXES, seed=st.integers(0, 99), most=st.integers(1, 4))
def test_every_object_stays_consistent(below, above, seed, most):
    np.random.seed(seed)
    results = paste(below, above, max_pasted=most)
    masks = results["gt_masks"].masks
    labels = results["gt_bboxes_labels"]
    count = (labels >= 200).sum()
    assert bool(above) <= count <= min(most, len(above))
    assert len(masks) == len(labels) == len(results["gt_bboxes"])
    covered = masks[labels >= 200].any(axis=0)
    assert not (masks[labels < 200] & covered).any()
    np.testing.assert_array_equal(results["img"][..., 1] == 200, covered)
    for mask, (x0, y0, x1, y1) in zip(masks, results["gt_bboxes"].astype(int), strict=True):
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x0, y0, x1, y1)


@pytest.fixture
def mixed(tmp_path):
    """A mixing set of two sources, one of them not exhaustive."""
    sources = []
    for name in ("one", "two"):
        write_images(tmp_path / name, image_json())
        sources.append(
            dict(
                type="CocoInstanceDataset",
                data_root=str(tmp_path / name),
                ann_file="instances.json",
                data_prefix=dict(img="images"),
                exhaustive=name == "one",
                pipeline=[dict(type="LoadRGBImage"), dict(type="LargeScaleJitter", size=(32, 32))],
            )
        )
    return DATASETS.build(
        dict(
            type="MultiImageMixDataset",
            dataset=dict(type="ConcatDataset", datasets=sources),
            pipeline=[
                dict(type="PasteInstances", prob=0.5, min_area=4),
                dict(type="mmdet.PackDetInputs", meta_keys=("img_id", "exhaustive")),
            ],
        )
    )


def test_in_the_wrapper_a_sample_depends_on_its_place_alone(mixed):
    first = [mixed[StreamIndex(i, 5, i)] for i in range(len(mixed))]
    np.random.seed(1)
    again = [mixed[StreamIndex(i, 5, i)] for i in reversed(range(len(mixed)))][::-1]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a["inputs"], b["inputs"])
        masks = [x["data_samples"].gt_instances.masks.masks for x in (a, b)]
        np.testing.assert_array_equal(*masks)
    counts = [len(x["data_samples"].gt_instances.labels) for x in first]
    plain = [len(mixed.dataset[StreamIndex(i, 5, i)]["gt_masks"]) for i in range(len(mixed))]
    assert any(a > b for a, b in zip(counts, plain, strict=True))


def test_in_the_wrapper_the_image_pasted_into_says_whether_it_is_exhaustive(mixed):
    # The last image of each source has a crowd.
    samples = [mixed[StreamIndex(i, 5, i)]["data_samples"] for i in range(8)]
    assert [sample.exhaustive for sample in samples] == [True] * 3 + [False] * 5
