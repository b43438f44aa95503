"""The sound of a video file, copied packet by packet beside frames that are encoded anew."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import av

_MARGIN = 3  # seconds by which the pieces of a file may be out of order, or a jump into it too late


class Sound:
    """The first sound stream of a file, read once from front to back.

    Args:
        path: The file.
        zero: The file's time, in seconds, at which its first frame is shown; times here count from there.

    Attributes:
        stream: The stream, as a template for the one that is written.
    """

    def __init__(self, path: Path, zero: float) -> None:
        self._path = path
        self._zero = zero
        self._file = path.open("rb")
        try:
            self._container = av.open(self._file, options={"protocol_whitelist": "none"}, metadata_errors="ignore")
            self.stream = self._container.streams.audio[0]
        except BaseException:
            self._file.close()
            raise

    @classmethod
    def of(cls, path: Path, zero: float) -> Sound | None:
        """The sound of a file, or None where it has none that can be read."""
        try:
            return cls(path, zero)
        except (av.error.FFmpegError, OSError, IndexError):
            return None

    def packets(self, start: float) -> Iterator[tuple[av.Packet, float]]:
        """Packets that begin at `start` or later, each with its time in seconds from `start`.

        The packets are moved there. Damaged sound ends with a warning.
        """
        base = self.stream.time_base
        offset = round((self._zero + start) / base)
        try:
            if start > _MARGIN:  # what comes too early is passed over below
                self._container.seek(int((self._zero + start - _MARGIN) * av.time_base), backward=True)
            for packet in self._container.demux(self.stream):
                if packet.pts is None or packet.dts is None or packet.pts < offset:
                    continue
                packet.pts -= offset
                packet.dts -= offset
                yield packet, float(packet.pts * base)
        except av.error.FFmpegError as error:
            warnings.warn(f"{self._path}: its sound breaks off ({error.strerror})", stacklevel=2)

    def close(self) -> None:
        """Closes the file."""
        self._container.close()
        self._file.close()


class SoundCopy:
    """Puts the packets of a sound into a file that is being written.

    Args:
        container: The file, before its header is written.
        sound: Closed with the copy.

    Raises:
        ValueError, av.error.FFmpegError: The file's format cannot hold the sound's codec; here, or by the first packet.
    """

    def __init__(self, container: av.container.OutputContainer, sound: Sound) -> None:
        if sound.stream.codec_context is None or sound.stream.codec_context.name not in container.supported_codecs:
            raise ValueError("no such codec")
        self._container = container
        self._sound = sound
        self._stream = container.add_stream_from_template(sound.stream)
        self._packets: Iterator[tuple[av.Packet, float]] | None = None
        self._waiting: tuple[av.Packet, float] | None = None

    def until(self, start: float, time: float) -> None:
        """Writes what begins before `time`, in seconds from `start`, which is the same in each call."""
        if self._packets is None:
            self._packets = self._sound.packets(start)
            self._waiting = next(self._packets, None)
        while self._waiting is not None and self._waiting[1] < time:
            packet = self._waiting[0]
            packet.stream = self._stream
            self._container.mux(packet)
            self._waiting = next(self._packets, None)
