"""What every source of frames has in common."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.sound import Sound

DEFAULT_FRAME_RATE = Fraction(10)
"""Frames a second of sources that do not say: folders, images, arrays."""

MAX_PIXELS = 2**26
"""Largest accepted frame, in pixels (8192 x 8192)."""


class TruncatedError(InputError):
    """The frames break off: damaged data, or fewer frames than the file's index promises."""


class FrameSource(ABC):
    """RGB frames of one size, read one at a time.

    Iterating yields uint8 arrays of shape (H, W, 3); only the current frame is in memory. A source
    made from files can be iterated any number of times, one made from a generator once.

    Attributes:
        name: Name of the file or folder without its suffix.
        height: H, in pixels, the way the frame is shown (after rotation).
        width: W, in pixels.
        frame_rate: Frames a second; the average where the rate varies, `DEFAULT_FRAME_RATE` where the source has none.
        num_frames: Number of frames the source promises before anything is decoded, `None` if it
            does not say. Containers are sometimes wrong: count on `num_read`.
        num_read: Frames handed out by the latest iteration.
        time: When the latest of them is shown, in seconds from the first; always later than the one before.
        truncated: Whether the latest iteration ended before the source did, as `allow_truncated` allows.
        number: Place of the latest of them in the file or folder, from 0.
        live: Whether the frames come as they are made, so that none should wait for the next.
    """

    live = False
    _timed = False  # whether `_decode` sets `time` itself
    _numbered = False  # whether it sets `number`

    def __init__(
        self,
        *,
        name: str,
        height: int,
        width: int,
        frame_rate: Fraction = DEFAULT_FRAME_RATE,
        num_frames: int | None = None,
        allow_truncated: bool = False,
    ) -> None:
        self.name = name
        self.height = height
        self.width = width
        self.frame_rate = frame_rate
        self.num_frames = num_frames
        self.num_read = 0
        self.time = 0.0
        self.truncated = False
        self.number = 0
        self._allow_truncated = allow_truncated

    @abstractmethod
    def _decode(self) -> Iterator[np.ndarray]:
        """Frames in order; `TruncatedError` where they break off."""

    def sound(self) -> Sound | None:
        """What is heard with the frames, opened anew; None where there is nothing, or where it comes once."""
        return None

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields frames.

        Raises:
            TruncatedError: The frames break off, or one differs in size from the first, and `allow_truncated` was not
                given; or nothing at all could be decoded.
        """
        self.num_read = 0
        self.truncated = False
        try:
            for frame in self._decode():
                if frame.shape != (self.height, self.width, 3):
                    raise TruncatedError(
                        f"{self.name}: frame {self.num_read} is {frame.shape[1]}x{frame.shape[0]}, those before it "
                        f"{self.width}x{self.height}; give frames of one size, or end there with --allow-truncated"
                    )
                if not self._timed:
                    self.time = float(self.num_read / self.frame_rate)
                if not self._numbered:
                    self.number = self.num_read
                self.num_read += 1
                yield frame
        except TruncatedError as error:
            if not self._allow_truncated or self.num_read == 0:
                raise
            self.truncated = True
            warnings.warn(f"{error}; going on with the frames before that", stacklevel=2)

    def __repr__(self) -> str:
        frames = "?" if self.num_frames is None else self.num_frames
        return (
            f"{type(self).__name__}({self.name!r}, {self.width}x{self.height}, "
            f"{frames} frames at {float(self.frame_rate):g}/s)"
        )


def check_pixels(what: object, height: int, width: int) -> None:
    """Refuses frames larger than `MAX_PIXELS`, before they are decoded."""
    if height * width > MAX_PIXELS:
        raise InputError(
            f"{what} is {width}x{height}, over the limit of {MAX_PIXELS} pixels a frame; scale it down first"
        )
