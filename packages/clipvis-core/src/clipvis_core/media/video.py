"""Frames of a video file, through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.decoding import DamageError, average_rate, decoded_frames, first_frame, video_stream
from clipvis_core.media.display import Display
from clipvis_core.media.frames import FrameSource, TruncatedError, check_pixels
from clipvis_core.media.sound import Sound

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "asf", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm", "wmv", "y4m"),
    )
)
"""Files of a folder that are taken for videos, whatever the case of their suffix; a file that is named may have any."""

_LONGEST_VIDEO = 1e7  # seconds, four months; tags that say more, or inf or nan, are damaged
_TIME_GAP = 0.5  # seconds missing at the end that mean "broken off" where frames are not counted


class VideoFile(FrameSource):
    """The first real video stream of a file, upright, as 8-bit RGB.

    See `Display` for what becomes of rotation, pixels that are not square, interlaced and HDR video; 10-bit and other
    pixel formats are converted by their own colour space. Frames of a variable rate come one after the other as they
    are stored, with their own `time`, and `frame_rate` is their average. A damaged frame, or an end before the one that
    the container promises, raises `TruncatedError` that says how many frames were decoded.

    Raises:
        InputError: No video: another kind of file, no video stream, not one frame that decodes.
    """

    _timed = True

    def __init__(self, path: Path, *, allow_truncated: bool = False) -> None:
        self._path = path
        with _opened(path) as stream:
            check_pixels(path, stream.codec_context.height, stream.codec_context.width)
            frame_rate = average_rate(stream)
            num_frames = _promised_frames(stream, frame_rate)
            first = first_frame(path, decoded_frames(stream))
            height, width = Display(stream, path).size(first)
            self._zero = first.time or 0.0
        super().__init__(
            name=path.stem,
            height=height,
            width=width,
            frame_rate=frame_rate,
            num_frames=num_frames,
            allow_truncated=allow_truncated,
        )

    def sound(self) -> Sound | None:
        """The sound of the file, or None if it has none."""
        return Sound.of(self._path, self._zero)

    def _decode(self) -> Iterator[np.ndarray]:
        with _opened(self._path) as stream:
            try:
                for frame, time in Display(stream, self._path).shown(self._frames(stream), self.frame_rate):
                    self.time = time
                    yield frame
            except DamageError as damage:
                count, total = self.num_read, "" if self.num_frames is None else f" of {self.num_frames}"
                raise TruncatedError(
                    f"{self._path} breaks off at frame {count}: {damage} (decoded {count}{total} "
                    "frames); copy or download it again, or take what is there with --allow-truncated"
                ) from None

    def _frames(self, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """Decoded frames; `DamageError` where fewer come than were promised."""
        count, end = 0, None
        for frame in decoded_frames(stream):
            count += 1
            end = _later(end, _frame_end(frame, self.frame_rate))
            yield frame
        if _ends_early(stream, count, end, self.frame_rate):
            raise DamageError("the file ends before its video does")


@contextmanager
def _opened(path: Path) -> Iterator[av.VideoStream]:
    """The video stream of a file, closed again at the end.

    FFmpeg gets an open file and may open nothing else: a playlist or reference movie with the
    name of a video cannot make it read other files or addresses.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror}); check its permissions") from None
    with file:
        _refuse_web_page(path, file.read(512))
        file.seek(0)
        try:
            container = av.open(file, options={"protocol_whitelist": "none"}, metadata_errors="ignore")
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(
                f"{path} cannot be read as a video ({error.strerror}); if it should be one, it is "
                "damaged or its end is missing: copy or download it again"
            ) from None
        with container:
            stream = video_stream(container, path)
            stream.thread_type = "AUTO"
            yield stream


def _refuse_web_page(path: Path, head: bytes) -> None:
    """Refuses a web page that was saved in place of the video."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise InputError(f"{path} is a web page, not a video; download the video itself")


def _promised_seconds(stream: av.VideoStream) -> float | None:
    """Duration that the container's header gives for this stream alone."""
    if stream.frames and stream.duration is not None:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska and WebM: "00:00:09.643000000"
    try:
        hours, minutes, seconds = map(float, tag.split(":"))
    except ValueError:
        return None
    total = (hours * 60 + minutes) * 60 + seconds
    return total if 0 < total < _LONGEST_VIDEO else None


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


def _ends_early(stream: av.VideoStream, count: int, end: float | None, frame_rate: Fraction) -> bool:
    """Whether clearly more was promised than came.

    The index of a file with an edit list also counts frames that were cut away, so time has to be missing too.
    """
    seconds = _promised_seconds(stream)
    missing = None
    if seconds is not None and end is not None:
        missing = float((stream.start_time or 0) * stream.time_base) + seconds - end
    if stream.frames:
        return count < stream.frames and (missing is None or missing > 1.5 / frame_rate)
    return missing is not None and missing > max(_TIME_GAP, 1.5 / frame_rate)
