"""Properties of the RLE validator; run by test_rle.py in a process of its own, which a fault may
end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as mask_api

from clipvis_core.foundation.rle import RleError, check_rles, decode_runs, validate_rle, validate_rles

relaxed = settings(max_examples=150, deadline=None, derandomize=True)
sides = st.integers(1, 12)


def random_mask(seed: int, height: int, width: int, density: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asfortranarray(rng.random((height, width)) < density, dtype=np.uint8)


@relaxed
@given(st.integers(0, 2**31), sides, sides, st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.booleans())
def test_every_real_mask_passes_unchanged(seed, height, width, density, as_text):
    mask = random_mask(seed, height, width, density)
    rle = mask_api.encode(mask)
    if as_text:
        rle["counts"] = rle["counts"].decode()
    checked = validate_rle(rle, height, width)
    assert checked == rle
    np.testing.assert_array_equal(mask_api.decode(checked), mask)
    runs = decode_runs(rle["counts"])
    assert np.repeat(np.arange(len(runs)) % 2, runs).tolist() == mask.ravel(order="F").tolist()


@relaxed
@given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_uncompressed_runs_with_empty_ones_keep_their_pixels(runs):
    pixels = np.repeat(np.arange(len(runs)) % 2, runs)
    rle = {"size": [len(pixels), 1], "counts": runs}
    if not len(pixels):
        with pytest.raises(RleError):
            validate_rle(rle, 0, 1)
        return
    checked = validate_rle(rle, len(pixels), 1)
    assert mask_api.decode(checked)[:, 0].tolist() == pixels.tolist()
    assert (decode_runs(checked["counts"])[1:] > 0).all()


@relaxed
@given(st.binary(max_size=40), sides, sides)
def test_arbitrary_bytes_are_refused_or_safe(counts, height, width):
    assert_refused_or_safe(counts, height, width)


@settings(relaxed, max_examples=400)
@given(st.data(), st.integers(0, 2**31), sides, sides)
def test_a_damaged_mask_is_refused_or_safe(data, seed, height, width):
    counts = bytearray(mask_api.encode(random_mask(seed, height, width, 0.4))["counts"])
    position = data.draw(st.integers(0, len(counts) - 1))
    action = data.draw(st.sampled_from(["flip", "cut", "insert"]))
    byte = data.draw(st.integers(48, 111))
    if action == "flip":
        counts[position] = byte
    elif action == "cut":
        del counts[position:]
    else:
        counts.insert(position, byte)
    assert_refused_or_safe(bytes(counts), height, width)


def assert_refused_or_safe(counts: bytes, height: int, width: int) -> None:
    rle = {"size": [height, width], "counts": counts}
    try:
        checked = validate_rle(rle, height, width)
    except RleError:
        return
    mask = mask_api.decode(checked)
    runs = plain_runs(counts)
    expected = np.repeat(np.arange(len(runs)) % 2, runs).reshape((height, width), order="F")
    np.testing.assert_array_equal(mask, expected)
    assert mask_api.area(checked) == mask.sum()
    if mask.any():
        assert mask_api.iou([checked], [checked], [0])[0, 0] == 1.0


def plain_runs(counts: bytes) -> list[int]:
    """The compressed form, decoded one byte at a time."""
    runs, position = [], 0
    while position < len(counts):
        value, shift, more = 0, 0, True
        while more:
            digit = counts[position] - 48
            value |= (digit & 0x1F) << shift
            shift += 5
            more = bool(digit & 0x20)
            position += 1
            if not more and digit & 0x10:
                value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs


@relaxed
@given(st.lists(st.tuples(st.integers(0, 2**31), sides, sides, st.integers(0, 3)), max_size=12))
def test_a_batch_is_judged_like_its_parts(cases):
    rles = []
    for seed, height, width, kind in cases:
        rle = mask_api.encode(random_mask(seed, height, width, 0.5))
        rle["counts"] = [rle["counts"], rle["counts"][:-1], b"", rle["counts"] + b"1"][kind]
        rles.append(rle if seed % 7 else None)
    heights, widths = [case[1] for case in cases], [case[2] for case in cases]
    checked, faults = check_rles(rles, heights, widths)
    for i, rle in enumerate(rles):
        if i in faults:
            assert checked[i] is None
            with pytest.raises(RleError, match=faults[i][:20]):
                validate_rle(rle, heights[i], widths[i])
        else:
            assert checked[i] == (rle and validate_rle(rle, heights[i], widths[i]))
    if faults:
        with pytest.raises(RleError) as caught:
            validate_rles(rles, heights, widths)
        assert caught.value.index == min(faults)
