"""Parts of a source keep numbers and times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipvis_core import InputError
from clipvis_core.media import Cut, open_frames
from clipvis_core.media.cut import parse_time

TIMES = [0.0, 0.04, 0.08, 0.5, 0.9, 0.94, 2.0, 3.5]


def taken(source, **cut) -> list[tuple[int, float]]:
    part = Cut(**cut).of(source)
    return [(part.number, round(part.time, 3)) for _ in part]


@pytest.fixture
def uneven(make_video):
    """A video whose frames do not come evenly."""
    return open_frames(make_video(pts=[round(1000 * time) for time in TIMES]))


@pytest.mark.parametrize(
    ("cut", "numbers"),
    [
        (dict(), range(8)),
        (dict(start=0.08), range(2, 8)),
        (dict(end=0.9), range(4)),
        (dict(start=0.05, end=0.95), range(2, 6)),
        (dict(start=3.4), [7]),
        (dict(stride=3), [0, 3, 6]),
        (dict(start=0.04, stride=2), [1, 3, 5, 7]),
        (dict(rate=2), [0, 3, 6, 7]),
        (dict(rate=1000), range(8)),
        (dict(end=100), range(8)),
    ],
)
def test_frames_of_an_uneven_video(uneven, cut, numbers):
    assert taken(uneven, **cut) == [(number, TIMES[number]) for number in numbers]


def test_the_frames_are_those_of_the_source(make_video):
    source = open_frames(make_video())
    every = list(source)
    part = list(Cut(start=0.1, stride=2).of(source))
    assert len(part) == 3
    for frame, number in zip(part, (3, 5, 7), strict=True):
        assert np.array_equal(frame, every[number])


@given(count=st.integers(1, 40), stride=st.integers(1, 5), start=st.integers(0, 39), length=st.integers(1, 40))
def test_an_even_rate(count, stride, start, length):
    frames = np.zeros((count, 4, 6, 3), np.uint8)
    source = open_frames(frames)
    cut = Cut(start=start / 10, end=(start + length) / 10, stride=stride)
    expected = list(range(count))[start : start + length : stride]
    if not expected:
        with pytest.raises(InputError, match="no frame is shown from"):
            list(cut.of(source))
        return
    part = cut.of(source)
    assert [part.number for _ in part] == expected
    assert part.num_frames == len(expected)
    assert part.frame_rate == source.frame_rate / stride or cut.is_whole


def test_nothing_is_read_after_the_end():
    def frames():
        yield from np.zeros((3, 4, 6, 3), np.uint8)
        raise AssertionError("read too far")

    assert taken(open_frames(frames()), end=0.2) == [(0, 0.0), (1, 0.1)]


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("12.25", 12.25), ("00:01:30.5", 90.5), ("90:00", 5400), ("100:00:00", 360000)]
)
def test_times_of_the_command_line(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "1:2:3:4", "1:60", "1:75:00", "a", "-1:00", "00:01:30,5"])
def test_what_is_no_time(text):
    try:
        seconds = parse_time(text)
    except ValueError:
        return
    with pytest.raises(InputError):
        Cut(start=seconds)


@pytest.mark.parametrize(
    "cut",
    [dict(start=-1), dict(start=float("inf")), dict(start=2, end=2), dict(end=float("nan")), dict(stride=0),
     dict(rate=0), dict(rate=float("nan")), dict(stride=2, rate=5)],
)  # fmt: skip
def test_what_is_no_cut(cut):
    with pytest.raises(InputError) as error:
        Cut(**cut)
    assert str(error.value).startswith("--")
