"""Overlaps of tracks, and which of them are the same object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from clipvis_core.inference.duplicates import SAME_OBJECT, clip_overlaps, distinct


def encode(masks: np.ndarray) -> list[dict | None]:
    """RLE of `(T, H, W)` masks, None for the empty ones."""
    return [coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))) if mask.any() else None for mask in masks]


@st.composite
def clips(draw) -> np.ndarray:
    """Bool `(N, T, H, W)`."""
    shape = tuple(draw(st.integers(1, 4)) for _ in range(4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.7, 1.0]))


@given(clips())
@settings(max_examples=60, deadline=None)
def test_overlaps_are_those_of_the_pixels(masks):
    tracks = [encode(track) for track in masks]
    flat = masks.reshape(len(masks), -1).astype(float)
    shared = flat @ flat.T
    either = flat.sum(1)[:, None] + flat.sum(1) - shared
    expected = np.where(either > 0, shared / np.maximum(either, 1), 0)
    overlaps = clip_overlaps(tracks, range(masks.shape[1]))
    assert overlaps == pytest.approx(expected, abs=1e-9)


@given(clips())
@settings(max_examples=60, deadline=None)
def test_what_is_left_is_distinct_and_what_is_gone_was_not(masks):
    tracks = [encode(track) for track in masks]
    frames = range(masks.shape[1])
    kept = distinct(tracks, len(frames))
    overlaps = clip_overlaps(tracks, frames)
    assert kept[0] == 0
    for place in range(len(tracks)):
        better = [k for k in kept if k < place]
        assert (place in kept) == (not (overlaps[place, better] >= SAME_OBJECT).any())


def test_no_track_and_tracks_without_a_pixel():
    assert distinct([], 3) == []
    assert distinct([[None] * 3, [None] * 3], 3) == [0, 1]


def test_a_long_video_is_judged_by_some_of_its_frames():
    square = encode(np.ones((1, 4, 4), dtype=bool))[0]

    class Counted(list):
        read = 0

        def __getitem__(self, frame):
            Counted.read += 1
            return super().__getitem__(frame)

    assert distinct([Counted([square] * 5000), Counted([square] * 5000)], 5000) == [0]
    assert Counted.read <= 2 * 2 * 16
