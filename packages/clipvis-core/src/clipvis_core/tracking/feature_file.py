"""The file of features that a run leaves, so that other words can be asked for without the network.

Blocks (see `block_file`): a header, JSON; each frame, see `FrameLayout`, as it comes; and an end, JSON with the frames'
times. What was written before a run was killed can be read.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from clipvis_core.foundation.block_file import Block, read_block, whole_blocks, write_block
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import is_number
from clipvis_core.tracking.feature_facts import REMEDY, FeatureFacts, json_object
from clipvis_core.tracking.frame_features import FrameFeatures, FrameLayout

_HEADER, _FRAME, _END = b"CVfh", b"CVff", b"CVfe"
_MOST_JSON = 2**28


class FeatureWriter:
    """Appends frames to a file of features; used in one thread at a time.

    Args:
        file: An empty file, open for writing.
        facts: The header; number and length of regions are those of the first frame.
        most_bytes: Size that the file may reach.

    Attributes:
        nbytes: Size so far.
        lost: Why there is no such file after all: it would be too large, or the disk is full. Nothing is in it then.
    """

    def __init__(self, file: BinaryIO, facts: FeatureFacts, most_bytes: int | None = None) -> None:
        self.file = file
        self._raw = getattr(file, "raw", file)  # without a buffer that keeps what a full disk did not take
        self.nbytes = 0
        self.lost: str | None = None
        self._facts = facts
        self._layout: FrameLayout | None = None
        self._most_bytes = most_bytes
        self._ended = False

    def append(self, frame: FrameFeatures, codes: dict[int, bytes]) -> None:
        """Adds the next frame with the run-length codes of all its masks."""
        if self._layout is None:
            queries, dim = frame.regions.shape
            self._layout = FrameLayout(queries, dim, image=self._facts.image)
            self._write(_HEADER, replace(self._facts, num_queries=queries, dim=dim).to_json())
        if self.lost is None:
            self._write(_FRAME, self._layout.pack(frame, codes))

    def finish(self, times: Sequence[float]) -> None:
        """Ends the file, with the times of its frames in seconds; the second time, nothing happens."""
        if self._ended:
            return
        self._ended = True
        self._write(_END, json.dumps({"times": [round(time, 6) for time in times]}).encode())

    def _write(self, mark: bytes, content: bytes) -> None:
        if self.lost is None:
            try:
                self.nbytes += write_block(self._raw, mark, content)
            except OSError as error:
                self._lose(error.strerror or "it cannot be written")
        if self._most_bytes is not None and self.nbytes > self._most_bytes:
            self._lose(f"they would take over {self._most_bytes / 2**30:g} GiB")

    def _lose(self, reason: str) -> None:
        self.lost, self.nbytes = reason, 0
        with suppress(OSError):
            self._raw.seek(0)
            self._raw.truncate()


class FeatureFile:
    """A file of features, read frame by frame; nothing in it is trusted.

    Args:
        file: What a `FeatureWriter` wrote, whole or with its end missing.
        name: What errors call it.

    Attributes:
        facts: Its header.
        times: When each of its T frames is shown, in seconds from the first.
        ended: Whether the run that wrote it came to its end.

    Raises:
        InputError: It is no such file, or it has no frame.
    """

    def __init__(self, file: BinaryIO, name: object = "the features") -> None:
        self._file = file
        self._name = name
        blocks = whole_blocks(file, (_HEADER, _FRAME, _END))
        header = next(blocks, None)
        if header is None or header.mark != _HEADER:
            raise InputError(f"{name} is no file of features, or its beginning is damaged: {REMEDY}")
        self.facts = FeatureFacts.from_json(self._json(header), name)
        self._layout = FrameLayout(self.facts.num_queries, self.facts.dim, image=self.facts.image)
        self._starts, self._lengths, self._sums = array("q"), array("q"), array("q")
        end = None
        for block in blocks:
            if block.mark != _FRAME:
                end = block if block.mark == _END else None
                break
            self._starts.append(block.start)
            self._lengths.append(block.length)
            self._sums.append(block.checksum)
        if not len(self):
            raise InputError(f"{name} has no whole frame: {REMEDY}")
        self.ended = end is not None
        self.times = self._read_times(end)

    @classmethod
    def open(cls, path: str | Path) -> FeatureFile:
        """That of a path, which stays open as long as the object is there.

        Raises:
            InputError: It cannot be opened, is no such file, or has no frame.
        """
        try:
            file = open(path, "rb")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}): {REMEDY}") from None
        try:
            return cls(file, path)
        except BaseException:
            file.close()
            raise

    def __len__(self) -> int:
        """T, its whole frames."""
        return len(self._starts)

    def __iter__(self) -> Iterator[FrameFeatures]:
        """The frames in order."""
        return (self.frame(t) for t in range(len(self)))

    @property
    def nbytes(self) -> int:
        """Bytes of the frames."""
        return sum(self._lengths)

    def frame(self, t: int) -> FrameFeatures:
        """A frame without its masks.

        Raises:
            InputError: It is damaged.
        """
        content = self._content(t)
        with self._named(t):
            return self._layout.unpack(content)

    def codes(self, t: int) -> dict[int, bytes]:
        """The run-length codes of a frame's masks by track; what is in them is not checked.

        Raises:
            InputError: They are damaged.
        """
        content = self._content(t)
        with self._named(t):
            return self._layout.unpack_codes(content)

    def _content(self, t: int) -> bytes:
        block = Block(_FRAME, self._starts[t], self._lengths[t], self._sums[t])
        return read_block(self._file, block, self._name)

    @contextmanager
    def _named(self, t: int) -> Iterator[None]:
        """Adds file and frame to what is wrong."""
        try:
            yield
        except InputError as error:
            raise InputError(f"{self._name}: frame {t} {error}; {REMEDY}") from None

    def _json(self, block: Block) -> bytes:
        if block.length > _MOST_JSON:
            raise InputError(f"{self._name} is no file of features: {REMEDY}")
        return read_block(self._file, block, self._name)

    def _read_times(self, end: Block | None) -> list[float]:
        """Those of the end; without one, the frames are evenly spread."""
        if end is None:
            return [float(t / self.facts.frame_rate) for t in range(len(self))]
        times = json_object(self._json(end), self._name).get("times")
        if not isinstance(times, list) or len(times) != len(self) or not all(is_number(time) for time in times):
            raise InputError(f"{self._name}: its times are not those of {len(self)} frames; {REMEDY}")
        return times
