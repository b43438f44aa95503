"""Folders that are written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.folder_lock import FolderLock


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Makes an empty folder beside `path` to be filled, which takes its name when the block ends well.

    What was at `path` is removed then; whoever calls has looked whether that may be. If the block raises, `path` stays
    as it was. What a killed run left is cleared away by the next one.

    Raises:
        InputError: The folder cannot be written, the disk is full, or another run is writing to `path`.
    """
    path = Path(path)
    parts = path.with_name(f".{path.name}.parts")
    try:
        parts.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(parts, "wait for it, or choose another name")
        try:
            _clear(parts)
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
        finally:
            shutil.rmtree(parts, ignore_errors=True)
            lock.close()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None


def _clear(folder: Path) -> None:
    for left in folder.iterdir():
        shutil.rmtree(left)
