"""Decoded frames as they were meant to be seen, and when; FFmpeg's filters do the work on pixels."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.images import on_ground
from clipvis_core.media.decoding import DamageError
from clipvis_core.media.frames import check_pixels

_PQ, _HLG = 16, 18  # transfer functions of HDR video, numbers of ITU-T H.273
_LEAST_STRETCH, _MOST_STRETCH = 1.01, 10  # of pixels; less is a rounded size, more a damaged header
_NAMELESS_SIDE_DATA = range(28, 48)  # kinds of AVFrameSideData that PyAV 18 does not know
_LONGEST_GAP = 3600  # seconds between two frames; a longer one is a broken clock
_NO_MORE = (av.error.BlockingIOError, av.error.EOFError)


class Display:
    """Turns decoded frames of one stream into RGB arrays.

    - Frames that are marked as interlaced are deinterlaced (bwdif), with a warning.
    - Pixels that are not square become so: the shorter of their sides grows.
    - HDR (PQ and HLG) is mapped to the range of ordinary video.
    - The display matrix turns and mirrors; transparent pixels lie on white.

    A frame that needs none of it is converted and nothing else.

    Args:
        stream: The stream, for the shape of its pixels.
        name: Named in the warning.
    """

    def __init__(self, stream: av.VideoStream, name: object) -> None:
        self._stretch = _stretch(stream.sample_aspect_ratio)
        self._name = name
        self._graph: Graph | None = None
        self._deinterlaces = False

    def shown(self, frames: Iterator[av.VideoFrame], frame_rate: Fraction) -> Iterator[tuple[np.ndarray, float]]:
        """RGB uint8 (H, W, 3), and when it is shown in seconds from the first.

        Times always grow: where a frame has none, or a clock jumps, the next frame is due at the average rate.

        Raises:
            DamageError: The frames raise it, after what filters held back, or they cannot be filtered.
        """
        time, before = 0.0, None
        for count, frame in enumerate(self._filtered(frames)):
            gap = None if before is None or frame.time is None else frame.time - before
            if count:
                time += gap if gap is not None and 0 < gap <= _LONGEST_GAP else float(1 / frame_rate)
            before = frame.time
            yield upright(frame), time

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width of the first frame as it is shown.

        Raises:
            InputError: It is too large, or cannot be filtered.
        """
        height, width = self._square(frame)
        check_pixels(self._name, height, width)
        try:
            matrix = _matrix(_readable(frame))
        except DamageError as damage:
            raise InputError(f"{self._name}: its first frame cannot be shown ({damage}): convert it first") from None
        return (width, height) if matrix is not None and _is_turned(matrix) else (height, width)

    def _square(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width with square pixels."""
        return round(frame.height * max(1, 1 / self._stretch)), round(frame.width * max(1, self._stretch))

    def _filtered(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        damage, size = None, None
        try:
            for frame in map(_readable, frames):
                size = size or (frame.height, frame.width)
                if size != (frame.height, frame.width):  # another size is for the source to refuse, not to filter
                    yield from self._drain()
                    self._graph, self._deinterlaces = None, True
                    yield frame
                else:
                    yield from self._through(frame)
        except DamageError as error:
            damage = error
        yield from self._drain()
        if damage is not None:
            raise damage

    def _through(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """What comes out of the filters when a frame goes in; they are made for the first frame that needs one."""
        if frame.interlaced_frame and not self._deinterlaces:
            yield from self._drain()
            warnings.warn(f"{self._name} is interlaced: its frames are deinterlaced", stacklevel=2)
            self._graph, self._deinterlaces = None, True
        if self._graph is None:
            filters = self._filters(frame)
            if not filters:
                yield frame
                return
            self._graph = _graph(frame, filters)
        with _as_damage():
            self._graph.push(frame)
        yield from self._pulled()

    def _drain(self) -> Iterator[av.VideoFrame]:
        if self._graph is not None:
            with _as_damage():
                self._graph.push(None)
            yield from self._pulled()

    def _pulled(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield self._graph.pull()
            except _NO_MORE:
                return
            except av.error.FFmpegError as error:
                raise DamageError(error.strerror) from None

    def _filters(self, frame: av.VideoFrame) -> list[tuple[str, str]]:
        """Names and options of the filters that a frame needs."""
        filters = []
        if self._deinterlaces:
            filters.append(("bwdif", "mode=send_frame:deint=interlaced"))
        height, width = self._square(frame)
        if frame.color_trc in (_PQ, _HLG):
            filters += [
                ("scale", f"{width}:{height}:out_primaries=bt709:out_transfer=bt709:out_range=full"),
                ("format", "rgb24"),
            ]
        elif (height, width) != (frame.height, frame.width):
            filters.append(("scale", f"{width}:{height}"))
        return filters


def upright(frame: av.VideoFrame) -> np.ndarray:
    """The frame as RGB uint8 (H, W, 3), the way its display matrix wants it shown, on white where it is transparent."""
    if any(component.is_alpha for component in frame.format.components):
        image = on_ground(frame.to_ndarray(format="rgba"))
    else:
        image = frame.to_ndarray(format="rgb24")
    matrix = _matrix(frame)
    if matrix is None:
        return image
    a, b, c, d = matrix
    if _is_turned(matrix):
        image = image.transpose(1, 0, 2)
        flip_x, flip_y = c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def _matrix(frame: av.VideoFrame) -> tuple[int, int, int, int] | None:
    """The display matrix, which maps stored (x, y) to shown (ax + cy, bx + dy), in 16.16 fixed point.

    Only quarter turns and mirroring are meant by real files, so the signs decide.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
    return a, b, c, d


def _is_turned(matrix: tuple[int, int, int, int]) -> bool:
    """Whether height and width change places."""
    a, b, c, d = matrix
    return abs(b) + abs(c) > abs(a) + abs(d)


def _readable(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame without side data that PyAV has no name for: it lists all of it, and fails at one such kind."""
    try:
        if frame.side_data is not None:
            return frame
    except ValueError:
        pass
    graph = _graph(frame, [("sidedata", f"mode=delete:type={kind}") for kind in _NAMELESS_SIDE_DATA])
    with _as_damage():
        graph.push(frame)
        return graph.pull()


def _stretch(ratio: Fraction | None) -> float:
    """Width of a pixel for a height of 1; 1 where the file does not say."""
    stretch = float(ratio or 1)
    return stretch if _LEAST_STRETCH < max(stretch, 1 / stretch) < _MOST_STRETCH else 1.0


def _graph(frame: av.VideoFrame, filters: list[tuple[str, str]]) -> Graph:
    """The filters, one after the other, ready for frames like this one."""
    graph, tick = Graph(), frame.time_base or Fraction(1, 1000)
    with _as_damage():
        last = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=tick)
        for name, options in filters:
            step = graph.add(name, options)
            last.link_to(step)
            last = step
        last.link_to(graph.add("buffersink"))
        graph.configure()
    return graph


@contextmanager
def _as_damage() -> Iterator[None]:
    """What a filter cannot do is damage to the stream; the reason may be the machine's, such as too many threads."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise DamageError(error.strerror) from None
