"""Where an export goes: nothing is replaced but what an earlier export wrote, and nothing is there in part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clipvis_core.exports.kind import Kind
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_json
from clipvis_core.foundation.whole_folder import parts_beside, whole_folder

RECORD = ".clipvis-export.json"
_REMEDY = "remove it, or name another with --to"


def check_target(kind: Kind, path: Path) -> None:
    """Whether an export may be written to a path.

    Raises:
        InputError: Something is there that no export of this kind wrote.
    """
    if not path.exists() and not path.is_symlink():
        return
    if path.is_dir() != (not kind.file):
        raise InputError(f"{path} is there and is a {'folder' if kind.file else 'file'}: {_REMEDY}")
    if kind.file:
        if not kind.is_ours(path):
            raise InputError(f"{path} is there and was not written by an export: {_REMEDY}")
        return
    files = _written(path, kind)
    if files is None and any(path.iterdir()):
        raise InputError(f"{path} is there and was not written by an export of this kind: {_REMEDY}")
    other = next((name for name in _files(path) if name not in files), None) if files is not None else None
    if other is not None:
        raise InputError(f"{path} holds {other}, which no export wrote: {_REMEDY}")


@contextmanager
def target(kind: Kind, path: Path) -> Iterator[Path]:
    """Where a kind writes: an empty folder, or the name of a file, which becomes `path` when the block ends well.

    Raises:
        InputError: Something else is at `path`, or it cannot be written.
    """
    check_target(kind, path)
    if not kind.file:
        with whole_folder(path) as folder:
            yield folder
            write_json({"made_by": "clipvis", "kind": kind.name, "files": sorted(_files(folder))}, folder / RECORD)
        return
    with parts_beside(path) as parts:
        yield parts / path.name
        (parts / path.name).replace(path)


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir() and path != folder / RECORD:
            yield path.relative_to(folder).as_posix()


def _written(folder: Path, kind: Kind) -> set[str] | None:
    """Names of the files that an export of this kind wrote to a folder, or None."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    is_ours = isinstance(record, dict) and record.get("made_by") == "clipvis" and record.get("kind") == kind.name
    return set(map(str, record["files"])) if is_ours and isinstance(record.get("files"), list) else None
