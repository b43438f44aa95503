"""Resizing against Pillow's rule written out in numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core.foundation.images import resize_bilinear, resize_nearest, resized_size

relaxed = settings(max_examples=60, deadline=None, derandomize=True)
sides = st.integers(1, 60)


def filter_rows(image: np.ndarray, length: int) -> np.ndarray:
    """Resizes axis 0 to `length` with a triangle filter in fixed point of 22 bits, rounded to
    uint8."""
    source = len(image)
    scale = source / length
    reach = max(scale, 1.0)
    output = []
    for i in range(length):
        center = (i + 0.5) * scale
        first, last = max(int(center - reach + 0.5), 0), min(int(center + reach + 0.5), source)
        distance = np.abs((np.arange(first, last) - center + 0.5) / reach)
        weights = np.maximum(1 - distance, 0)
        fixed = np.floor(0.5 + weights / weights.sum() * 2**22).astype(np.int64)
        total = (image[first:last].astype(np.int64) * fixed[:, None, None]).sum(axis=0)
        output.append(np.clip((total + 2**21) >> 22, 0, 255))
    return np.array(output, np.uint8)


@relaxed
@given(sides, sides, sides, sides, st.tuples(*[st.floats(0, 1)] * 4), st.integers(0, 999))
def test_rows_first_then_columns_whatever_the_crop(height, width, new_height, new_width, part, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    whole = filter_rows(image.swapaxes(0, 1), new_width).swapaxes(0, 1)
    whole = filter_rows(whole, new_height)
    np.testing.assert_array_equal(resize_bilinear(image, (new_height, new_width)), whole)
    x0, y0 = int(part[0] * (new_width - 1)), int(part[1] * (new_height - 1))
    x1 = x0 + 1 + int(part[2] * (new_width - x0 - 1))
    y1 = y0 + 1 + int(part[3] * (new_height - y0 - 1))
    kept = resize_bilinear(image, (new_height, new_width), (x0, y0, x1, y1))
    np.testing.assert_array_equal(kept, whole[y0:y1, x0:x1])


@relaxed
@given(sides, sides, sides, sides, st.integers(0, 999))
def test_nearest_takes_the_pixel_below_the_centre(height, width, new_height, new_width, seed):
    mask = np.random.default_rng(seed).integers(0, 2, (height, width), np.uint8)
    rows, certain_rows = nearest(height, new_height)
    columns, certain_columns = nearest(width, new_width)
    resized = resize_nearest(mask, (new_height, new_width))
    certain = np.ix_(certain_rows, certain_columns)
    np.testing.assert_array_equal(resized[certain], mask[rows][:, columns][certain])


def nearest(source: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Source pixel of each output pixel, and the outputs where no rounding error can change it."""
    centers = (np.arange(length) + 0.5) * (source / length)
    return centers.astype(int), np.flatnonzero(np.abs(centers - np.round(centers)) > 1e-9)


def test_the_published_rule_of_sizes():
    """Its longer side is scaled twice where it is cut, which one rounding at the end would not give."""
    assert resized_size(102, 372, 480, 1333) == (365, 1333)
    assert resized_size(372, 102, 480, 1333) == (1333, 365)
    assert resized_size(720, 1280, 480, 1333) == (480, 853)
    assert resized_size(5000, 1, 480, 1333) == (1333, 1)
