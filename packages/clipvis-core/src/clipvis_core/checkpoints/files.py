"""Reading files from strangers: tensors and plain containers only, and one line that says what is wrong."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from clipvis_core.errors import InputError
from clipvis_core.whole_file import whole_file


def _history_statistic(owner: Any, name: str) -> Any:
    """What `getattr` may do while a checkpoint is read: name a statistic of mmengine's logging history."""
    if (isinstance(owner, HistoryBuffer) or owner is HistoryBuffer) and name in (
        "max",
        "min",
        "mean",
        "current",
    ):
        return getattr(owner, name)
    raise pickle.UnpicklingError(f"attribute '{name}' of {owner!r} is not plain data")


#: What mmengine's runner writes beside the tensors (its logging history), for `torch.serialization.add_safe_globals`.
HARMLESS_TYPES = [
    HistoryBuffer,
    (_history_statistic, "builtins.getattr"),
    np.ndarray,
    np.dtype,
    np.array(0).__reduce__()[
        0
    ],  # the array and scalar constructors, whose home differs between numpy versions
    np.float64(0).__reduce__()[0],
    *(type(np.dtype(code)) for code in ("float64", "float32", "int64", "int32", "uint64", "bool")),
]


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Loads a checkpoint with `weights_only=True`, on the CPU, memory-mapped where the file allows.

    Raises:
        InputError: The path is no readable checkpoint; the message says what it is.
    """
    path = Path(path)
    _check_file(path)
    try:
        # Not the context manager: it would take them away again from a runner that resumes later.
        torch.serialization.add_safe_globals(HARMLESS_TYPES)
        content = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        blocked = str(error).split("WeightsUnpickler error:")[-1].strip().splitlines()[0]
        raise InputError(
            f"{path} is no checkpoint of tensors and plain data, nothing else is loaded: {blocked}"
        ) from None
    except (RuntimeError, ValueError, EOFError, OSError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged or no PyTorch checkpoint ({_first_line(error)}): fetch it again"
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a {type(content).__name__} and a checkpoint is a dict of tensors"
        )
    return content


def write_checkpoint(content: dict[str, Any], path: str | Path) -> None:
    """Saves under a temporary name beside `path` and renames, so that no half-written file stays.

    Raises:
        InputError: The folder is missing or not writable, or the path is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file to write")
    try:
        with whole_file(path) as file:
            torch.save(content, file)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a checkpoint file in it")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {path}: {error.strerror}") from None
    if not head:
        raise InputError(f"{path} is empty: fetch it again")
    if head.lstrip()[:1] == b"<":
        raise InputError(
            f"{path} is a web page, not a checkpoint: download the file itself, not its page"
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
