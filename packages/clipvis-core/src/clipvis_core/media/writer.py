"""Writing frames as an H.264 mp4 video."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.sound import Sound, SoundCopy

QUALITY = {"crf": "20"}  # visually clean
#: Of x264 for all files, so that the same frames give the same bytes.
_ENCODER = {
    "preset": "veryfast",  # 3 to 4 times the speed of "medium"
    # What x264 thinks that later frames take from one depends on memory that it has not written, above all with
    # B-frames and in the last blocks of a small picture. Without either, files are some per cent larger,
    # and written faster.
    "mbtree": "0",
    "bf": "0",
    "threads": "2",  # on which the bytes depend, whatever number of cores a machine has
}
_LEAST_TICKS = 10_000  # a second
_BT709, _LIMITED_RANGE = 1, 1  # numbers of ITU-T H.273, the same for matrix, primaries and transfer


class VideoWriter:
    """Writes RGB frames to an H.264 mp4 file, complete or not at all.

    The frames go to a temporary file beside `path`, which takes its name on a clean exit and is removed on an error.
    Odd heights and widths get their last row or column twice, because 4:2:0 video has even sizes only.

    Args:
        path: File to write; one that exists is replaced.
        frame_rate: Frames a second, on average where `write` is given times.
        height: H of the frames, in pixels.
        width: W of the frames, in pixels.
        sound: What is heard with the frames, copied as far as they are shown; closed at the end. It is left out, with a
            warning, if mp4 cannot hold its codec.
        options: Of the encoder: quality (`crf`), frames from one key frame to the next (`g`) and the like.

    Attributes:
        num_written: Frames written so far; a video without any is a ValueError on exit.

    Raises:
        InputError: On entering, if the folder does not exist or may not be written to, or if `path` is a folder; later,
            if the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with VideoWriter(Path(folder) / "black.mp4", Fraction(25), 48, 64) as writer:
    ...         writer.write(np.zeros((48, 64, 3), np.uint8))
    ...     [path.name for path in Path(folder).iterdir()]
    ['black.mp4']
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        frame_rate: Fraction | int,
        height: int,
        width: int,
        *,
        sound: Sound | None = None,
        options: Mapping[str, str] = QUALITY,
    ) -> None:
        self.path = Path(path)
        self.frame_rate = Fraction(frame_rate).limit_denominator(100_000)
        self.height = height
        self.width = width
        self.num_written = 0
        self._options = {**_ENCODER, **options}
        # The clock an mp4 file of this rate has anyway: fine enough for any time, and exact for an even rate.
        ticks = self.frame_rate.numerator
        while ticks < _LEAST_TICKS:
            ticks *= 2
        self._tick = Fraction(1, ticks)
        self._last = -1
        self._start = 0.0
        self._sound = sound
        self._copy: SoundCopy | None = None
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")

    def __enter__(self) -> VideoWriter:
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder; give the name of a file to write")
        try:
            self._partial.touch()
        except OSError as error:
            raise InputError(f"{self.path} cannot be written ({error.strerror}); choose another folder") from None
        self._open()
        if self._sound is not None:
            self._add_sound(self._sound)
        return self

    def _open(self) -> None:
        # Faststart: the index in front, so that a browser plays the file while it loads. The protocol is named because
        # FFmpeg would take the start of "run-12:30/..." for one.
        self._container = av.open(f"file:{self._partial}", "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._add_stream()

    def _add_sound(self, sound: Sound) -> None:
        """A stream for the sound, if mp4 can hold it; what it cannot is known when the header is written."""
        try:
            self._copy = SoundCopy(self._container, sound)
            self._container.start_encoding()
        except (av.error.FFmpegError, ValueError):
            self._copy = None
            codec = sound.stream.codec_context
            name = "its codec" if codec is None else codec.name
            warnings.warn(f"{self.path} has no sound: mp4 cannot hold {name}", stacklevel=3)
            with suppress(av.error.FFmpegError):
                self._container.close()
            self._open()

    def _add_stream(self) -> av.VideoStream:
        """H.264 in the colour space of HD video, and labelled so."""
        stream = self._container.add_stream("libx264", rate=self.frame_rate, options=self._options)
        stream.height = self.height + self.height % 2
        stream.width = self.width + self.width % 2
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.time_base = self._tick
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        codec.color_range = _LIMITED_RANGE
        return stream

    def write(self, frame: np.ndarray, time: float | None = None) -> None:
        """Appends a frame.

        Args:
            frame: RGB uint8 (H, W, 3).
            time: When it is shown, in seconds; the video begins with the first frame's time. By default as the rate
                says, from 0.

        Raises:
            ValueError: The frame has another shape or type.
            InputError: The disk is full, or is gone.
        """
        if frame.shape != (self.height, self.width, 3) or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.dtype} {frame.shape}, not uint8 {(self.height, self.width, 3)}")
        padding = ((0, self.height % 2), (0, self.width % 2), (0, 0))
        even = np.pad(frame, padding, mode="edge") if any(map(any, padding)) else frame
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", threads=1)
        if time is not None and self.num_written == 0:
            self._start = time
        due = self.num_written / self.frame_rate if time is None else Fraction(time) - Fraction(self._start)
        self._last = max(round(due / self._tick), self._last + 1)
        picture.pts, picture.time_base = self._last, self._tick
        picture.duration = round(1 / self.frame_rate / self._tick)
        self._mux(picture)
        self.num_written += 1

    def _mux(self, picture: av.VideoFrame | None) -> None:
        """Encodes a picture, or what the encoder still holds, and copies the sound up to its end."""
        try:
            self._container.mux(self._stream.encode(picture))
            if self._copy is not None:
                self._copy.until(self._start, float(self._last * self._tick + 1 / self.frame_rate))
        except OSError as error:  # FFmpeg's errors of the file system are OSErrors as well
            raise self._full(error) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if self.num_written == 0:
                    raise ValueError(f"no frame was written to {self.path}")
                self._mux(None)
                self._close()
                os.replace(self._partial, self.path)
        finally:
            with suppress(InputError):
                self._close()
            self._partial.unlink(missing_ok=True)
            if self._sound is not None:
                self._sound.close()

    def _close(self) -> None:
        """Closes the file, which writes what the muxer still holds."""
        try:
            self._container.close()
        except OSError as error:
            raise self._full(error) from None

    def _full(self, error: OSError) -> InputError:
        return InputError(f"{self.path} cannot be written ({error.strerror}); is the disk full?")
