"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from clipvis_core.foundation.errors import InputError

_SUFFIX = ".part"


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` for writing, and renames it when the block ends well.

    The content is on the disk before the name is, and the name is there when the block is left: after a power cut
    too, `path` is the old file or the new one. If the block raises, the temporary file is removed and `path` stays
    as it was.

    Raises:
        OSError: The folder is missing or cannot be written to, or the disk is full.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_SUFFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def write_whole(content: bytes, path: str | Path) -> None:
    """Writes a file by `whole_file`.

    Raises:
        InputError: The folder is missing or cannot be written to, or the disk is full.
    """
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def write_json(content: object, path: str | Path, *, indent: int | None = 1) -> None:
    """Writes a json file by `write_whole`; `indent=None` for long lists, on one line."""
    write_whole(json.dumps(content, indent=indent).encode() + b"\n", path)


def remove_unfinished(folder: str | Path, names: str = "*") -> list[Path]:
    """Removes the temporary files a killed process left in a folder; nobody else may be writing there.

    Args:
        folder: The folder.
        names: Glob pattern of the files that were being written.

    Returns:
        What was removed.
    """
    found = sorted(Path(folder).glob(f".{names}.*{_SUFFIX}"))
    for path in found:
        path.unlink(missing_ok=True)
    return found


@contextmanager
def full_disk_in_a_line() -> Iterator[None]:
    """What else is written in the block, temporary files too, says in a line that it cannot be.

    Raises:
        InputError: The disk is full, read-only or broken.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
            raise
        where = error.filename or f"the output or the temporary folder ({tempfile.gettempdir()})"
        raise InputError(f"{where} cannot be written ({error.strerror}); make room, or set TMPDIR") from None


def _sync_folder(folder: Path) -> None:
    """Makes a rename in a folder last; a system that cannot open folders (Windows) needs no such call."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
