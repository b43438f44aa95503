"""Frames of a video file, through PyAV."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from clipvis_core.errors import InputError
from clipvis_core.media.frames import DEFAULT_FRAME_RATE, FrameSource, TruncatedError, check_pixels

_FASTEST_RATE = 1000  # frames a second; what claims more has a clock for a frame rate
_TIME_GAP = 0.5  # seconds missing at the end that mean "broken off" where frames are not counted


class VideoFile(FrameSource):
    """The first real video stream of a file, upright, as 8-bit RGB.

    Rotation and mirroring tags (the display matrix) are applied; alpha is dropped; 10-bit and other
    pixel formats are converted by their own colour space. Frames of a variable rate come one after
    the other as they are stored, and `frame_rate` is their average. A damaged frame, or an end
    before the one that the container promises, raises `TruncatedError` that says how many frames
    were decoded.

    Raises:
        InputError: No video: another kind of file, no video stream, not one frame that decodes.
    """

    def __init__(self, path: Path, *, allow_truncated: bool = False) -> None:
        self._path = path
        with _opened(path) as stream:
            check_pixels(path, stream.codec_context.height, stream.codec_context.width)
            frame_rate = _frame_rate(stream)
            num_frames = _promised_frames(stream, frame_rate)
            height, width = _upright(_first_frame(path, stream)).shape[:2]
        super().__init__(
            name=path.stem,
            height=height,
            width=width,
            frame_rate=frame_rate,
            num_frames=num_frames,
            allow_truncated=allow_truncated,
        )

    def _decode(self) -> Iterator[np.ndarray]:
        count, end = 0, None
        with _opened(self._path) as stream:
            try:
                for frame in _frames(stream):
                    count += 1
                    end = _later(end, _frame_end(frame, self.frame_rate))
                    yield _upright(frame)
                if _ends_early(stream, count, end, self.frame_rate):
                    raise _DamageError("the file ends before its video does")
            except _DamageError as damage:
                total = "" if self.num_frames is None else f" of {self.num_frames}"
                raise TruncatedError(
                    f"{self._path} breaks off at frame {count}: {damage} (decoded {count}{total} "
                    "frames); copy or download it again, or allow truncated input"
                ) from None


class _DamageError(Exception):
    """The stream cannot be decoded any further; the message says why."""


@contextmanager
def _opened(path: Path) -> Iterator[av.VideoStream]:
    """The video stream of a file, closed again at the end.

    FFmpeg gets an open file and may open nothing else: a playlist or a reference movie in disguise
    cannot make it read other files or addresses.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(
            f"{path} cannot be opened ({error.strerror}); check its permissions"
        ) from None
    with file:
        _refuse_web_page(path, file.read(512))
        file.seek(0)
        try:
            container = av.open(
                file, options={"protocol_whitelist": "none"}, metadata_errors="ignore"
            )
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(
                f"{path} cannot be read as a video ({error.strerror}); if it should be one, it is "
                "damaged or its end is missing: copy or download it again"
            ) from None
        with container:
            pictures = [
                s for s in container.streams.video if s.disposition & Disposition.attached_pic
            ]
            videos = [s for s in container.streams.video if s not in pictures]
            if not videos:
                raise InputError(f"{path} has no video stream; give a file with pictures in it")
            if videos[0].codec_context is None:
                raise InputError(f"{path}: its video codec is not known; convert it to H.264 first")
            videos[0].thread_type = "AUTO"
            yield videos[0]


def _refuse_web_page(path: Path, head: bytes) -> None:
    """Says it plainly when a download link gave its web page instead of the video."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise InputError(f"{path} is a web page, not a video; download the video itself")


def _first_frame(path: Path, stream: av.VideoStream) -> av.VideoFrame:
    """The frame that gives size and rotation, and proves that the codec is understood."""
    reason: object = "no frame in it"
    try:
        for frame in _frames(stream):
            check_pixels(path, frame.height, frame.width)
            return frame
    except _DamageError as damage:
        reason = damage
    raise InputError(f"{path}: not one frame can be decoded ({reason}); copy or download it again")


def _frames(stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Decoded frames, up to the first damaged one.

    FFmpeg hides damage: it patches broken pictures with pieces of their neighbours and only sets a
    flag. A recording of a broadcast has no index and may start between two key frames; what comes
    before the first one cannot be decoded by anybody and is passed over.

    Raises:
        _DamageError: The next frame is damaged, or what is stored there is no frame.
    """
    started = stream.frames > 0
    for packet in _packets(stream):
        started = started or packet.is_keyframe
        if not started:
            continue
        try:
            # An incomplete packet still drives out the whole frames that wait in the decoder.
            frames = stream.codec_context.decode(None) if packet.is_corrupt else packet.decode()
        except av.error.FFmpegError as error:
            raise _DamageError(error.strerror) from None
        for frame in frames:
            if frame.is_corrupt:
                raise _DamageError("damaged data")
            yield frame
        if packet.is_corrupt:
            raise _DamageError("incomplete data")


def _packets(stream: av.VideoStream) -> Iterator[av.Packet]:
    """Undecoded pieces of the stream; the last one is empty and ends the decoding."""
    try:
        yield from stream.container.demux(stream)
    except av.error.FFmpegError as error:
        raise _DamageError(error.strerror) from None


def _frame_rate(stream: av.VideoStream) -> Fraction:
    """Average frame rate, or the container's guess, or the default."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 0 < rate <= _FASTEST_RATE:
            return Fraction(rate)
    return DEFAULT_FRAME_RATE


def _promised_seconds(stream: av.VideoStream) -> float | None:
    """Duration that the container's header gives for this stream alone."""
    if stream.frames and stream.duration is not None:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska and WebM: "00:00:09.643000000"
    try:
        hours, minutes, seconds = map(float, tag.split(":"))
    except ValueError:
        return None
    return (hours * 60 + minutes) * 60 + seconds


def _promised_frames(stream: av.VideoStream, frame_rate: Fraction) -> int | None:
    """Number of frames by the container's index, else by its duration."""
    if stream.frames:
        return stream.frames
    seconds = _promised_seconds(stream)
    if seconds is None and stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
    return max(1, round(seconds * frame_rate)) if seconds else None


def _frame_end(frame: av.VideoFrame, frame_rate: Fraction) -> float | None:
    """Time in seconds at which the next frame is due."""
    if frame.pts is None or frame.time_base is None:
        return None
    if frame.duration:
        return float((frame.pts + frame.duration) * frame.time_base)
    return float(frame.pts * frame.time_base + 1 / frame_rate)


def _later(first: float | None, second: float | None) -> float | None:
    """The later of two times, of which either may be unknown."""
    return max((time for time in (first, second) if time is not None), default=None)


def _ends_early(
    stream: av.VideoStream, count: int, end: float | None, frame_rate: Fraction
) -> bool:
    """Whether clearly more was promised than came.

    A count alone would accuse files with an edit list, whose index keeps the frames that were cut
    away; so time has to be missing too.
    """
    seconds = _promised_seconds(stream)
    missing = None
    if seconds is not None and end is not None:
        missing = float((stream.start_time or 0) * stream.time_base) + seconds - end
    if stream.frames:
        return count < stream.frames and (missing is None or missing > 1.5 / frame_rate)
    return missing is not None and missing > max(_TIME_GAP, 1.5 / frame_rate)


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """The frame as RGB uint8 (H, W, 3), the way its display matrix wants it shown.

    The matrix maps stored (x, y) to shown (ax + cy, bx + dy), in 16.16 fixed point; only quarter
    turns and mirroring are meant by real files, so the signs decide.
    """
    image = frame.to_ndarray(format="rgb24")
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    if abs(b) + abs(c) > abs(a) + abs(d):
        image = image.transpose(1, 0, 2)
        flip_x, flip_y = c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
