"""A lock on a folder that one process at a time may write into."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from clipvis_core.foundation.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_NAME = ".lock"


def lock_folder(folder: str | Path, remedy: str) -> BinaryIO:
    """Locks a folder, which is made if missing; the lock goes with the file returned, or with the process.

    Args:
        folder: The folder; holds the file `.lock` from now on.
        remedy: What the user can do if another process has it; the message ends with it.

    Raises:
        InputError: Another process has the folder, or it cannot be written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / _NAME, "ab")  # noqa: SIM115 - open for as long as the lock is held
    except OSError as error:
        raise InputError(f"{folder}: cannot be used: {error.strerror}") from None
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{folder}: another run is writing into it; {remedy}") from None
    except OSError:
        pass  # a file system without locks
    return file
