"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from clipvis_core.foundation.errors import InputError


def write_json(content: object, path: str | Path) -> None:
    """Writes a json file whole or not at all."""
    write_whole(json.dumps(content, indent=1).encode() + b"\n", path)


def write_whole(content: bytes, path: str | Path) -> None:
    """Writes a file under another name in the same folder, then renames it.

    Raises:
        InputError: The folder is missing or not writable.
    """
    path = Path(path)
    try:
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(partial, 0o644)
            os.replace(partial, path)
        except BaseException:
            os.unlink(partial)
            raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
