"""A lock on a folder that one process at a time may write into."""

from __future__ import annotations

import os
from pathlib import Path
from weakref import WeakSet

from clipvis_core.foundation.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_held: WeakSet[FolderLock] = WeakSet()


class FolderBusyError(InputError):
    """Another run is writing to the folder."""


class FolderLock:
    """Holds a folder until `close`, for as long as the object lives, or until the process ends.

    Args:
        folder: The folder; nothing is written into it.
        remedy: What the user can do if another run has it; the message ends with it.

    Raises:
        FolderBusyError: Another run has the folder.
        OSError: There is no such folder.
    """

    def __init__(self, folder: str | Path, remedy: str) -> None:
        self._handle: int | None = None
        if fcntl is None:
            return
        self._handle = os.open(folder, os.O_RDONLY)
        _held.add(self)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise FolderBusyError(f"another run is writing to {folder}: {remedy}") from None
        except OSError:
            pass  # a network file system without locks

    def close(self) -> None:
        """Gives the folder free."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self.close()


def _close_in_child() -> None:
    """A loader's worker must not keep the lock of a run that was killed."""
    for lock in list(_held):
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
