"""A part of a source: from a time to a time, every N-th frame or so many a second."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.frames import FrameSource
from clipvis_core.media.sound import Sound

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
_SLACK = 1e-6  # seconds by which a frame may come before it is due


@dataclass(frozen=True)
class Cut:
    """Which frames of a source are taken.

    Attributes:
        start: Time of the first, in seconds from the source's first frame.
        end: Time before which the last one is shown; None for the source's end.
        stride: Of the frames in between, every `stride`-th from the first on.
        rate: In place of a stride: most frames a second, each the first that is due.

    Raises:
        InputError: No frame can be in it.
    """

    start: float = 0.0
    end: float | None = None
    stride: int = 1
    rate: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < math.inf:
            raise InputError(f"--start {self.start:g}: give a time of at least 0")
        if self.end is not None and not self.start < self.end < math.inf:
            raise InputError(f"--end {self.end:g}: give a time after --start ({self.start:g} s)")
        if self.stride < 1:
            raise InputError(f"--stride {self.stride}: give 1 for every frame, 2 for every second one")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise InputError(f"--fps {self.rate:g}: give a number of frames a second above 0")
        if self.rate is not None and self.stride > 1:
            raise InputError("--stride and --fps both thin out the frames: give one of them")

    @property
    def is_whole(self) -> bool:
        """Whether it takes all frames."""
        return self == WHOLE

    def of(self, source: FrameSource) -> FrameSource:
        """The source, or the part of it."""
        return source if self.is_whole else CutSource(source, self)


WHOLE = Cut()
"""All frames."""


class CutSource(FrameSource):
    """A part of another source; frames keep the numbers and times that they have there.

    Frames before the part are decoded and dropped; after its last frame nothing is read.

    Raises:
        InputError: While iterating, if the source ends before the part begins.
    """

    _timed = _numbered = True

    def __init__(self, source: FrameSource, cut: Cut) -> None:
        self._source = source
        self._cut = cut
        self.live = source.live
        rate = source.frame_rate / cut.stride
        if cut.rate is not None:
            rate = min(rate, Fraction(cut.rate).limit_denominator(100_000))
        super().__init__(
            name=source.name,
            height=source.height,
            width=source.width,
            frame_rate=rate,
            num_frames=self._promised(source, rate),
        )

    def _promised(self, source: FrameSource, rate: Fraction) -> int | None:
        """Number of frames as far as average rates tell."""
        if source.num_frames is None or source.num_frames == 1:
            return source.num_frames
        seconds = float(source.num_frames / source.frame_rate)
        end = seconds if self._cut.end is None else min(seconds, self._cut.end)
        return max(1, math.ceil((end - self._cut.start) * rate - _SLACK))

    def sound(self) -> Sound | None:
        """The sound of the source, or None if it has none."""
        return self._source.sound()

    def _decode(self) -> Iterator[np.ndarray]:
        source, cut, count, due = self._source, self._cut, 0, -math.inf
        with closing(iter(source)) as frames:
            for frame in frames:
                if cut.end is not None and source.time >= cut.end - _SLACK:
                    break
                if source.time < cut.start - _SLACK:
                    continue
                count += 1
                if (count - 1) % cut.stride or source.time < due - _SLACK:
                    continue
                if cut.rate is not None:
                    due = cut.start + (math.floor((source.time - cut.start) * cut.rate + _SLACK) + 1) / cut.rate
                self.time, self.number = source.time, source.number
                yield frame
            self.truncated = source.truncated
        if not count:
            raise InputError(
                f"{self.name}: no frame is shown from {cut.start:g} s on: its last one is at {source.time:g} s; "
                "give an earlier --start, or a later --end"
            )


class FramesAt(FrameSource):
    """The frames of a source at some places, which grow; after the last nothing is read.

    Args:
        source: The source.
        numbers: Their places, from 0.

    >>> from clipvis_core.media import open_frames
    >>> source = open_frames(np.arange(5, dtype=np.uint8).repeat(3).reshape(5, 1, 1, 3))
    >>> [int(frame.max()) for frame in FramesAt(source, [1, 4])]
    [1, 4]
    """

    _timed = _numbered = True

    def __init__(self, source: FrameSource, numbers: Sequence[int]) -> None:
        self._source = source
        self._numbers = numbers
        super().__init__(
            name=source.name,
            height=source.height,
            width=source.width,
            frame_rate=source.frame_rate,
            num_frames=len(numbers),
        )

    def sound(self) -> Sound | None:
        """The sound of the source, or None if it has none."""
        return self._source.sound()

    def _decode(self) -> Iterator[np.ndarray]:
        wanted = iter(self._numbers)
        number = next(wanted, None)
        with closing(iter(self._source)) as frames:
            while number is not None and (frame := next(frames, None)) is not None:
                if self._source.number == number:
                    self.time, self.number = self._source.time, number
                    yield frame
                    number = next(wanted, None)
            self.truncated = self._source.truncated


def parse_time(text: str) -> float:
    """A time of the command line: seconds, or [HH:]MM:SS with a fraction.

    Raises:
        ValueError: It is neither.

    >>> parse_time("90.5"), parse_time("01:30.5"), parse_time("1:00:00")
    (90.5, 90.5, 3600.0)
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock is None:
        return float(text)
    hours, minutes, rest = int(clock[1] or 0), int(clock[2]), float(clock[3])
    if rest >= 60 or (clock[1] and minutes >= 60):
        raise ValueError(text)
    return (hours * 60 + minutes) * 60 + rest
