"""Videos with an alpha channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from clipvis_core.foundation.errors import InputError

_TICK = Fraction(1, 90_000)  # seconds; MPEG's clock
_ROW = 32  # pixels
_BT709, _LIMITED_RANGE = 1, 1  # numbers of ITU-T H.273


@dataclass(frozen=True)
class AlphaCodec:
    """A codec that keeps alpha.

    Attributes:
        name: FFmpeg's name of the encoder.
        pixels: Its pixel format.
        suffix: Suffix of its files.
        options: Options of the encoder.
        tags: Tags of the stream.
    """

    name: str
    pixels: str
    suffix: str
    options: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


#: Apple ProRes 4444 with 16 bits of alpha, without chroma subsampling; editors take it.
PRORES = AlphaCodec("prores_ks", "yuva444p10le", ".mov", {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"})
#: VP9 with alpha as a second stream, which WebM marks by `alpha_mode` (https://www.webmproject.org/docs/container/);
#: browsers but Safari show it.
VP9 = AlphaCodec(
    "libvpx-vp9",
    "yuva420p",
    ".webm",
    {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "5", "auto-alt-ref": "0"},
    {"alpha_mode": "1"},
)


class AlphaWriter:
    """Writes RGBA frames of one size to a video, as a context.

    Args:
        path: File to write.
        codec: How.
        frame_rate: Frames a second, on average.
    """

    def __init__(self, path: Path, codec: AlphaCodec, frame_rate: Fraction) -> None:
        self._path, self._codec, self._rate = path, codec, frame_rate.limit_denominator(100_000)
        self._stream: av.VideoStream | None = None
        self._last = -1

    def __enter__(self) -> AlphaWriter:
        # Without random ids in the file.
        self._container = av.open(f"file:{self._path}", "w", options={"fflags": "+bitexact"})
        return self

    def write(self, frame: np.ndarray, time: float) -> None:
        """Appends a frame.

        Args:
            frame: RGBA uint8 (H, W, 4).
            time: When it is shown, in seconds from the first.

        Raises:
            InputError: The disk is full.
        """
        if self._stream is None:
            self._stream = self._add_stream(*frame.shape[:2])
        picture = _converted(frame, self._codec.pixels)
        self._last = max(round(time / _TICK), self._last + 1)
        picture.pts, picture.time_base = self._last, _TICK
        picture.duration = round(1 / self._rate / _TICK)
        self._mux(picture)

    def _add_stream(self, height: int, width: int) -> av.VideoStream:
        stream = self._container.add_stream(self._codec.name, rate=self._rate, options=dict(self._codec.options))
        stream.height, stream.width, stream.pix_fmt = height, width, self._codec.pixels
        stream.metadata.update(self._codec.tags)
        codec = stream.codec_context
        codec.time_base = _TICK
        codec.thread_count = 1  # there may be many tracks
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        codec.color_range = _LIMITED_RANGE
        return stream

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except OSError as error:
            raise InputError(f"{self._path} cannot be written ({error.strerror}); is the disk full?") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._stream is not None:
                self._mux(None)
        finally:
            self._container.close()


def _converted(frame: np.ndarray, pixels: str) -> av.VideoFrame:
    """An RGBA frame in a codec's pixel format.

    It is converted with its rows filled up: at the end of a row whose length is no multiple of 16, FFmpeg's scaler
    writes what was in memory before (seen with yuva444p10le in FFmpeg 8).
    """
    height, width = frame.shape[:2]
    filled = np.pad(frame, ((0, 0), (0, -width % _ROW), (0, 0)), mode="edge")
    wide = av.VideoFrame.from_ndarray(filled, format="rgba").reformat(format=pixels, dst_colorspace="ITU709")
    picture = av.VideoFrame(width, height, pixels)
    sample = np.uint16 if picture.format.components[0].bits > 8 else np.uint8
    for source, plane in zip(wide.planes, picture.planes, strict=True):
        here, there = (np.frombuffer(part, sample).reshape(part.height, -1) for part in (plane, source))
        here[:, : plane.width] = there[:, : plane.width]
    return picture
