"""Overlaps of tracks, which of them are one thing, and which flicker."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from clipvis_core.inference.duplicates import SAME_OBJECT, SAME_THING, clip_areas, distinct, is_steady


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
def test_shared_pixels_are_counted(masks):
    shared, areas = clip_areas([encode(track) for track in masks], range(masks.shape[1]))
    flat = masks.reshape(len(masks), -1).astype(float)
    assert shared == pytest.approx(flat @ flat.T, abs=1e-9)
    assert areas == pytest.approx(flat.sum(1))


@given(clips(), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_left_is_distinct_and_what_is_gone_was_not(masks, data):
    labels = data.draw(st.lists(st.integers(0, 1), min_size=len(masks), max_size=len(masks)))
    kept = distinct([encode(track) for track in masks], labels, masks.shape[1])
    flat = masks.reshape(len(masks), -1).astype(float)
    shared, areas = flat @ flat.T, flat.sum(1)

    def one_thing(a: int, b: int) -> bool:
        either, smaller = areas[a] + areas[b] - shared[a, b], min(areas[a], areas[b])
        same = either > 0 and shared[a, b] / either >= SAME_OBJECT - 1e-12
        return same or (labels[a] == labels[b] and smaller > 0 and shared[a, b] / smaller >= SAME_THING - 1e-12)

    assert kept[0] == 0
    for place in range(len(masks)):
        assert (place in kept) == (not any(one_thing(place, better) for better in kept if better < place))


def test_a_part_goes_and_another_thing_on_it_stays():
    """The wheel called car goes; the dog in the car stays; the car in two pieces is one."""
    car = np.zeros((1, 10, 10), dtype=bool)
    car[:, 2:8] = True
    part = car & (np.arange(10) < 4)
    tracks = [encode(mask) for mask in (car, part, part)]
    assert distinct(tracks, [0, 0, 1], 1) == [0, 2]
    assert distinct([tracks[1], tracks[0]], [0, 0], 1) == [0]


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_steady_tracks_have_a_run(seen):
    square = encode(np.ones((1, 4, 4), dtype=bool))[0]
    longest = max(len(run) for run in "".join("x" if there else " " for there in seen).split(" "))
    track = [square if there else None for there in seen]
    assert is_steady(track, len(seen)) == (longest >= min(3, -(-len(seen) // 4)))


def test_no_track_and_tracks_without_a_pixel():
    assert distinct([], [], 3) == []
    assert distinct([[None] * 3, [None] * 3], [0, 0], 3) == [0, 1]


def test_a_long_video_is_judged_by_some_of_its_frames():
    square = encode(np.ones((1, 4, 4), dtype=bool))[0]

    class Counted(list):
        read = 0

        def __getitem__(self, frame):
            Counted.read += 1
            return super().__getitem__(frame)

    assert distinct([Counted([square] * 5000), Counted([square] * 5000)], [0, 1], 5000) == [0]
    assert Counted.read <= 2 * 2 * 16
