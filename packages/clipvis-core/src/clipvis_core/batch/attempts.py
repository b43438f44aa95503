"""How often a run began with each input, kept on disk, where it outlives the process that an input brings down."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderLock

MOST = 3
"""Times that the process may end while it is at an input; then the input has failed."""

_PREFIX = ".attempts-"


class Attempts:
    """Counts the beginnings of inputs that have no end yet; processes of one run share it.

    Args:
        folder: From `attempts_folder`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, index: int) -> int:
        """Counts; returns how many times the input was begun, now included."""
        self._folder.mkdir(exist_ok=True)
        with (self._folder / str(index)).open("ab") as file:
            file.write(b".")
            return file.tell()

    def end(self, index: int) -> None:
        """The process lived through it."""
        (self._folder / str(index)).unlink(missing_ok=True)


class AttemptsFolder:
    """A folder for the attempts of one run, below its output folder; those that killed runs left are removed.

    Args:
        out_dir: The output folder.
    """

    def __init__(self, out_dir: Path) -> None:
        for left in out_dir.glob(f"{_PREFIX}*/"):
            with suppress(InputError, OSError):
                lock = FolderLock(left, "")
                shutil.rmtree(left, ignore_errors=True)
                lock.close()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=out_dir))
        self._lock = FolderLock(self.path, "")

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()
