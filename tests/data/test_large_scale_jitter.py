"""Large scale jitter against the recorded output of the published pipeline."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as mask_api

from clipvis_data.transforms import JitterGeometry, LargeScaleJitter


@pytest.fixture(scope="module")
def goldens(reference_dir):
    folder = reference_dir / "loader_goldens"
    return json.loads((folder / "lsj.json").read_text()), np.load(folder / "lsj.npz")


def apply(transform, draws, image, instances):
    """Runs a transform with draws given instead of drawn."""
    transform.draw = lambda: draws
    return transform.transform({"img": image, "instances": instances})


def as_instance(annotation):
    x, y, w, h = annotation["bbox"]
    return {
        "bbox": [x, y, x + w, y + h],
        "bbox_label": annotation["category_id"],
        "ignore_flag": annotation["iscrowd"],
        "mask": annotation["segmentation"],
    }


@pytest.mark.parametrize("case", range(12))
def test_published_output_to_the_byte(goldens, case):
    record, arrays = goldens
    expected, size = record["cases"][case], record["size"]
    draws = {key: expected["draws"][key] for key in ("flip", "scale", "fraction")}
    transform = LargeScaleJitter((size, size), pad_value=record["pad_value"])
    instances = [as_instance(annotation) for annotation in expected["annotations"]]
    results = apply(transform, draws, arrays[f"in_{case}"], instances)
    np.testing.assert_array_equal(results["img"], arrays[f"out_{case}"].transpose(1, 2, 0))
    assert results["gt_bboxes_labels"].tolist() == expected["classes"]
    shape = expected["mask_shape"]
    masks = np.unpackbits(arrays[f"mask_{case}"], axis=1)[:, : size * size].reshape(shape)
    np.testing.assert_array_equal(results["gt_masks"].masks, masks)
    geometry = JitterGeometry.from_draws(arrays[f"in_{case}"].shape[:2], (size, size), **draws)
    assert list(geometry.resized) == expected["draws"]["resized"]
    assert list(geometry.crop[:2]) == expected["draws"]["crop_xy"]


def square(x0, y0, x1, y1):
    return [float(value) for value in (x0, y0, x1, y0, x1, y1, x0, y1)]


def one_instance(mask, **changes):
    return {"bbox": [0, 0, 1, 1], "bbox_label": 5, "ignore_flag": 0, "mask": mask, **changes}


KEEP_LEFT = {"flip": False, "scale": 2.0, "fraction": 0.0}


def test_crowds_and_instances_outside_the_crop_are_left_out():
    image = np.zeros((32, 32, 3), np.uint8)
    instances = [
        one_instance([square(2, 2, 8, 8)], ignore_flag=1),
        one_instance([square(20, 20, 30, 30)]),
        one_instance([square(16, 2, 30, 8)]),  # touches the edge of the crop
        one_instance([square(4, 4, 10, 10), square(20, 4, 30, 10)], bbox_label=7),
    ]
    results = apply(LargeScaleJitter((32, 32)), KEEP_LEFT, image, instances)
    assert results["gt_bboxes_labels"].tolist() == [7]
    assert results["gt_bboxes"].tolist() == [[8, 8, 20, 20]]
    assert results["gt_masks"].masks[0].sum() == 12 * 12


def test_a_polygon_smaller_than_a_pixel_stays_as_an_empty_mask():
    image = np.zeros((64, 64, 3), np.uint8)
    draws = {"flip": False, "scale": 0.1, "fraction": 0.0}
    tiny = one_instance([square(10, 10, 10.5, 10.5)])
    results = apply(LargeScaleJitter((64, 64)), draws, image, [tiny])
    assert len(results["gt_masks"]) == 1
    assert results["gt_masks"].masks.sum() == 0


def test_an_image_without_instances_is_still_used():
    results = apply(LargeScaleJitter((32, 32)), KEEP_LEFT, np.zeros((8, 8, 3), np.uint8), [])
    assert results["gt_masks"].masks.shape == (0, 32, 32)
    assert results["gt_bboxes"].shape == (0, 4)


@pytest.mark.parametrize("flip", [False, True])
def test_rle_masks_follow_the_image(flip):
    """A picture whose pixels are its mask: both must move alike (nearest against bilinear: no
    shrinking)."""
    mask = np.zeros((20, 30), np.uint8, order="F")
    mask[5:9, 3:17] = 1
    rle = mask_api.encode(mask)
    image = np.repeat(mask[..., None] * 255, 3, axis=2)
    draws = {"flip": flip, "scale": 1.5, "fraction": 0.4}
    results = apply(LargeScaleJitter((60, 60)), draws, image, [one_instance(rle)])
    moved = results["img"][..., 0] > 127
    moved[results["img"][..., 0] == 128] = False
    agreement = (results["gt_masks"].masks[0] == moved).mean()
    assert agreement > 0.995
    assert results["gt_masks"].masks.sum() > 0


def test_draws_cover_their_ranges():
    np.random.seed(0)
    transform = LargeScaleJitter(scale_range=(0.5, 1.5), flip_prob=0.25)
    draws = [transform.draw() for _ in range(2000)]
    scales = [draw["scale"] for draw in draws]
    assert 0.5 <= min(scales) < 0.51
    assert 1.49 < max(scales) <= 1.5
    assert np.mean([draw["flip"] for draw in draws]) == pytest.approx(0.25, abs=0.03)
    assert np.mean([draw["fraction"] for draw in draws]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("shape", [(3000, 2), (2, 3000), (1, 1)])
@pytest.mark.parametrize("scale", [0.1, 1.0, 2.0])
def test_strips_are_a_pixel_wide_at_least(shape, scale):
    image = np.full((*shape, 3), 200, np.uint8)
    mask = {"size": list(shape), "counts": [0, shape[0] * shape[1]]}
    instance = {"bbox_label": 0, "ignore_flag": 0, "mask": mask_api.frPyObjects(mask, *shape)}
    draws = {"flip": True, "scale": scale, "fraction": 0.5}
    results = apply(LargeScaleJitter((64, 64)), draws, image, [instance])
    assert results["img"].shape == (64, 64, 3)
    assert (results["img"] == 200).any()
    assert len(results["gt_bboxes"]) == 1
