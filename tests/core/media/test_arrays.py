"""Frames from memory."""

from __future__ import annotations

import numpy as np
import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.media import open_frames


def test_list_can_be_read_twice():
    source = open_frames([np.full((4, 6, 3), level, np.uint8) for level in (1, 2)])
    assert (source.height, source.width, source.num_frames) == (4, 6, 2)
    assert [frame[0, 0, 0] for frame in source] == [frame[0, 0, 0] for frame in source] == [1, 2]


def test_generator_is_read_lazily_and_once():
    made = []

    def frames():
        for level in range(3):
            made.append(level)
            yield np.full((4, 6, 3), level, np.uint8)

    source = open_frames(frames())
    assert source.num_frames is None
    assert made == [0]
    iterator = iter(source)
    next(iterator)
    next(iterator)
    assert made == [0, 1]
    assert [frame[0, 0, 0] for frame in iterator] == [2]
    assert source.num_read == 3
    with pytest.raises(InputError, match="only once"):
        list(source)


def test_one_array_is_one_frame():
    assert len(list(open_frames(np.zeros((4, 6, 3), np.uint8)))) == 1


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((4, 6, 3), np.float32),
        np.zeros((4, 6), np.uint8),
        np.zeros((4, 6, 4), np.uint8),
        np.zeros((0, 6, 3), np.uint8),
        "frame.png",
    ],
)
def test_what_is_no_rgb_frame(frame):
    with pytest.raises(InputError, match=r"frame 0 is .*give RGB uint8"):
        open_frames([frame])


def test_frames_of_two_sizes():
    source = open_frames([np.zeros((4, 6, 3), np.uint8), np.zeros((4, 7, 3), np.uint8)])
    with pytest.raises(InputError, match="frame 1 is 7x4"):
        list(source)


@pytest.mark.parametrize("nothing", [[], iter(()), np.zeros((0, 4, 6, 3), np.uint8)])
def test_no_frames(nothing):
    with pytest.raises(InputError, match="no frame"):
        open_frames(nothing)


def test_what_is_no_source():
    with pytest.raises(InputError, match="cannot read frames from int"):
        open_frames(3)
