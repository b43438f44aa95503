"""Frames that are in memory already, or that a generator makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sized

import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.frames import FrameSource, check_pixels


class ArraySource(FrameSource):
    """An iterable of RGB uint8 arrays (H, W, 3).

    A list or a (T, H, W, 3) array can be iterated again; an iterator cannot, and its first frame is
    taken at once because it gives the size.

    Raises:
        InputError: There is no frame, or one is no RGB uint8 array.
    """

    def __init__(self, frames: Iterable[np.ndarray], *, name: str = "frames") -> None:
        iterator = iter(frames)
        try:
            first = _as_rgb(next(iterator), 0)
        except StopIteration:
            raise InputError(f"{name}: no frame to read; give at least one") from None
        self._frames = frames
        self._rest = itertools.chain([first], iterator) if iterator is frames else None
        self._spent = False
        super().__init__(
            name=name,
            height=first.shape[0],
            width=first.shape[1],
            num_frames=len(frames) if isinstance(frames, Sized) else None,
        )

    def _decode(self) -> Iterator[np.ndarray]:
        if self._spent:
            raise InputError(f"{self.name}: an iterator can be read only once; give a list to read it again")
        self._spent = self._rest is not None
        for index, frame in enumerate(self._frames if self._rest is None else self._rest):
            yield _as_rgb(frame, index)


def _as_rgb(frame: object, index: int) -> np.ndarray:
    """The frame as an array, refused unless it is RGB uint8 (H, W, 3) with at least one pixel."""
    array = np.asarray(frame)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise InputError(
            f"frame {index} is {array.dtype} of shape {array.shape}; give RGB uint8 arrays of shape (H, W, 3)"
        )
    check_pixels(f"frame {index}", *array.shape[:2])
    return array
