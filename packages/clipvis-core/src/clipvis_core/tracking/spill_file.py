"""Storage for values of every frame of a long video: a table in memory, and a temporary file."""

from __future__ import annotations

import tempfile
import threading
from array import array
from pathlib import Path

import numpy as np

from clipvis_core.foundation.errors import InputError


class FrameRows:
    """A growing table of numbers, one row a frame, in one piece of memory.

    An array of its own for every frame would fragment the heap: the large temporary arrays of the next frames do not
    fit into the gaps, and memory grows many times faster than what is kept.

    Args:
        typecode: Type of the numbers, as `array.array` names it.

    Example:
        >>> rows = FrameRows("h")
        >>> rows.append(np.array([1, 2]))
        >>> rows.append(np.array([3, 4]))
        >>> rows.table().tolist(), len(rows)
        ([[1, 2], [3, 4]], 2)
    """

    def __init__(self, typecode: str) -> None:
        self._data = array(typecode)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, row: np.ndarray) -> None:
        """Adds a frame; its shape has to be that of the frames before."""
        self._data.frombytes(row.astype(self._data.typecode).tobytes())
        self._rows += 1

    def table(self) -> np.ndarray:
        """A copy of all rows, `(T, numbers)`."""
        return np.array(self._data).reshape(self._rows, -1)


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
        self._folder = folder or tempfile.gettempdir()
        self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
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
                    f"{self._folder}: no room for temporary data ({error.strerror}); "
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
