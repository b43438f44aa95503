"""Small pieces of data kept on disk instead of in memory."""

from __future__ import annotations

import tempfile
import threading
from array import array
from pathlib import Path

from clipvis_core.errors import InputError


class SpillFile:
    """A list of byte strings in a temporary file; 16 bytes of memory an entry.

    The file has no name (on Unix) and vanishes with the object, also when the process is killed. Any thread may
    append or read.

    Args:
        folder: Where the file goes; by default the system's folder for temporary files, which `TMPDIR` names.

    Example:
        >>> spill = SpillFile()
        >>> spill.append(b"first")
        >>> spill.append(b"second")
        >>> spill.read(1), spill.read(1, start=3), len(spill)
        (b'second', b'ond', 2)
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        # Open as long as the object lives.
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._ends = array("q", [0])
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ends) - 1

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self._ends[-1]

    def append(self, data: bytes) -> None:
        """Adds an entry.

        Raises:
            InputError: The disk is full.
        """
        with self._lock:
            try:
                self._file.seek(self._ends[-1])
                self._write(memoryview(data))
            except OSError as error:
                raise InputError(
                    f"{tempfile.gettempdir()}: no room for temporary data ({error.strerror}); "
                    "point TMPDIR to a folder on a larger disk"
                ) from None
            self._ends.append(self._ends[-1] + len(data))

    def _write(self, data: memoryview) -> None:
        while data:
            data = data[self._file.write(data) :]

    def read(self, index: int, start: int = 0, length: int | None = None) -> bytes:
        """Part of an entry, by default from `start` to its end."""
        first, end = self._ends[index] + start, self._ends[index + 1]
        with self._lock:
            self._file.seek(first)
            return self._file.read(end - first if length is None else length)
