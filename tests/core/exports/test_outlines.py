"""Polygons of random masks: with holes, of several parts, of one pixel."""

from __future__ import annotations

import numpy as np
from answered_clips import filled
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from clipvis_core.exports.brush_rle import brush_rle
from clipvis_core.exports.outlines import MOST_PARTS, joined_outline, outlines

MASKS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda size: arrays(bool, size))


def painted(polygons: list[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """Polygons filled by COCO's rule."""
    codes = coco_mask.frPyObjects([polygon.ravel().astype(float).tolist() for polygon in polygons], *mask.shape)
    return coco_mask.decode(coco_mask.merge(codes)) > 0


@settings(max_examples=100, deadline=None)
@given(mask=MASKS)
def test_outlines_enclose_the_mask_without_its_holes(mask):
    if not mask.any():
        assert outlines(mask) == []
        assert joined_outline(mask).shape == (0, 2)
        return
    truth = filled(mask)
    assert (painted(outlines(mask), mask) == truth).all()
    joined = joined_outline(mask)
    assert (painted([joined], mask) == truth).all()
    assert len(joined) >= 4


def test_of_dust_the_largest_parts_are_kept():
    dust = np.zeros((60, 60), dtype=bool)
    dust[::2, ::2] = True
    dust[40:60, 40:60] = True
    found = painted([joined_outline(dust)], dust)
    assert found[40:60, 40:60].all()
    assert found.sum() == 400 + MOST_PARTS - 1


@settings(max_examples=100, deadline=None)
@given(mask=MASKS)
def test_brush_codes_give_the_mask_back(mask):
    assert (decoded(brush_rle(mask)).reshape(*mask.shape, 4) == mask[:, :, None] * 255).all()


def decoded(code: list[int]) -> np.ndarray:
    """The values of a brush code, read bit by bit as its documentation says."""
    bits = "".join(f"{byte:08b}" for byte in code)
    place = 0

    def read(width: int) -> int:
        nonlocal place
        place += width
        return int(bits[place - width : place], 2)

    total, value_bits = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        repeats = read(1)
        length = read(sizes[read(2)]) + 1
        values += [read(value_bits)] * length if repeats else [read(value_bits) for _ in range(length)]
    return np.array(values)
