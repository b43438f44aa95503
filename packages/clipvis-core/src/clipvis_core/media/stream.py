"""Frames that come once: from standard input, a pipe or a camera."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.decoding import DamageError, average_rate, decoded_frames, first_frame, video_stream
from clipvis_core.media.display import Display
from clipvis_core.media.frames import FrameSource, TruncatedError

STANDARD_INPUT = "-"
_CAMERA_FORMATS = {"linux": "v4l2", "darwin": "avfoundation"}  # FFmpeg's names of the capture devices


class VideoStream(FrameSource):
    """A video that is read while it is being made, so that it has no end yet and cannot be read twice.

    The container has to be one that can be read from front to back: MPEG-TS, Matroska, WebM, fragmented mp4, MJPEG,
    or YUV4MPEG for raw frames. The first frame is decoded at once, because it gives the size. The end of the data is
    the end of the video; damage raises `TruncatedError`.

    Args:
        source: An open binary file, or the name of a device.
        name: Name of the source in results and messages.
        container_format: FFmpeg's name of the format, where the data does not tell, as for cameras.
        options: Options of that format, such as `video_size`.
        allow_truncated: See `FrameSource`.

    Raises:
        InputError: What comes is no video, or nothing comes.
    """

    live = True
    _timed = True

    def __init__(
        self,
        source: BinaryIO | str,
        *,
        name: str,
        container_format: str | None = None,
        options: Mapping[str, str] | None = None,
        allow_truncated: bool = False,
    ) -> None:
        # FFmpeg gets an open file and may open nothing else; a device it has to open itself.
        guard = {} if isinstance(source, str) else {"protocol_whitelist": "none"}
        try:
            self._container = av.open(
                source, format=container_format, options={**guard, **(options or {})}, metadata_errors="ignore"
            )
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(
                f"{name} cannot be read as a video stream ({error.strerror}); "
                "send MPEG-TS, Matroska or YUV4MPEG, or check the device"
            ) from None
        stream = video_stream(self._container, name)
        stream.thread_type = "SLICE"  # threads by frame would hold back as many frames
        self._frames = decoded_frames(stream, from_key_frame=not isinstance(source, str))
        first = first_frame(name, self._frames)
        self._display = Display(stream, name)
        height, width = self._display.size(first)
        super().__init__(
            name=name, height=height, width=width, frame_rate=average_rate(stream), allow_truncated=allow_truncated
        )
        self._rest: Iterator[av.VideoFrame] | None = itertools.chain([first], self._frames)

    def _decode(self) -> Iterator[np.ndarray]:
        if self._rest is None:
            raise InputError(f"{self.name}: a stream can be read only once")
        frames, self._rest = self._rest, None
        try:
            for frame, time in self._display.shown(frames, self.frame_rate):
                self.time = time
                yield frame
        except DamageError as damage:
            raise TruncatedError(
                f"{self.name} breaks off at frame {self.num_read}: {damage}; send it again, or take what came "
                "with --allow-truncated"
            ) from None
        finally:
            self._frames.close()
            self._container.close()


def open_standard_input(*, allow_truncated: bool = False) -> VideoStream:
    """The video that another program writes to our standard input."""
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("standard input is closed; pipe a video into it")
    if sys.stdin.isatty():
        raise InputError("standard input is a terminal; pipe a video into it")
    return VideoStream(sys.stdin.buffer, name="stdin", allow_truncated=allow_truncated)


def open_pipe(path: Path, *, allow_truncated: bool = False) -> VideoStream:
    """The video that another program writes to a named pipe."""
    return VideoStream(path.open("rb"), name=path.stem, allow_truncated=allow_truncated)


def camera_path(source: str | os.PathLike[str]) -> str | None:
    """Device of a camera, given by its number (`0`) or its path (`/dev/video0`); None for anything else."""
    text = os.fspath(source)
    if text.isdecimal() and not Path(text).exists():
        return f"/dev/video{text}" if sys.platform == "linux" else text
    return text if text.startswith("/dev/video") else None


def open_camera(device: str) -> VideoStream:
    """A camera, in the size and rate it has by default.

    Raises:
        InputError: There is no such camera, or this system's cameras cannot be read.
    """
    capture = _CAMERA_FORMATS.get(sys.platform)
    if capture is None or not _can_read(capture):
        raise InputError(f"cameras cannot be read here; pipe {device} in: ffmpeg ... | infer.py -")
    return VideoStream(device, name=f"camera{device.removeprefix('/dev/video')}", container_format=capture)


def _can_read(name: str) -> bool:
    """Whether this build of FFmpeg has an input format."""
    try:
        return av.format.ContainerFormat(name, "r").is_input
    except ValueError:
        return False
