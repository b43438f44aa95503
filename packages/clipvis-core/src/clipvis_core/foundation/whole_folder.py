"""Folders, and files that libraries write by name, that are there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderLock


@contextmanager
def parts_beside(path: str | Path) -> Iterator[Path]:
    """An empty folder `.NAME.parts` beside `path`, on the same disk, which is removed when the block ends.

    One process at a time has it. What a killed one left in it is cleared away.

    Raises:
        InputError: The folder cannot be written, the disk is full, or another run is writing to `path`.
    """
    path = Path(path)
    parts = path.with_name(f".{path.name}.parts")
    try:
        parts.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(parts, "wait for it, or choose another name")
        try:
            for left in parts.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield parts
        finally:
            shutil.rmtree(parts, ignore_errors=True)
            lock.close()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Makes an empty folder to be filled, which takes the name `path` when the block ends well.

    What was at `path` is removed then: whoever calls has looked whether that may be. If the block raises, `path` stays
    as it was.

    Raises:
        InputError: As `parts_beside`.
    """
    path = Path(path)
    with parts_beside(path) as parts:
        new, old = parts / "new", parts / "old"
        new.mkdir()
        yield new
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
