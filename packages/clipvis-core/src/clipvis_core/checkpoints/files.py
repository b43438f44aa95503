"""Checkpoint files: read as tensors and plain containers only, with a line that says what is wrong; written whole."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from clipvis_core.foundation.errors import InputError, first_line
from clipvis_core.foundation.whole_file import whole_file


def _history_statistic(owner: Any, name: str) -> Any:
    """What `getattr` may do while a checkpoint is read: name a statistic of mmengine's logging history."""
    if (isinstance(owner, HistoryBuffer) or owner is HistoryBuffer) and name in ("max", "min", "mean", "current"):
        return getattr(owner, name)
    raise pickle.UnpicklingError(f"attribute '{name}' of {owner!r} is not plain data")


#: What mmengine's runner writes beside the tensors (its logging history), for `torch.serialization.add_safe_globals`.
HARMLESS_TYPES = [
    HistoryBuffer,
    (_history_statistic, "builtins.getattr"),
    np.ndarray,
    np.dtype,
    np.array(0).__reduce__()[0],  # the array and scalar constructors, whose home differs between numpy versions
    np.float64(0).__reduce__()[0],
    *(type(np.dtype(code)) for code in ("float64", "float32", "int64", "int32", "uint64", "bool")),
]


WEIGHTS_SUFFIX = ".safetensors"
_SUM, _SUM_KIND = "checksum", "sha256:"  # fact of a safetensors file of ours: the digest of all after its header


def read_checkpoint(path: str | Path, *, sums: bool = True) -> dict[str, Any]:
    """Loads a checkpoint on the CPU: with `weights_only=True`, memory-mapped where the file allows.

    A `.safetensors` file comes as `{"state_dict": ..., "meta": ...}`, with what `write_weights` was told in `meta`.

    Args:
        path: The file.
        sums: Check the checksums, for which every byte is read.

    Raises:
        InputError: The path is no readable checkpoint, or a damaged one; the message says what it is.
    """
    path = Path(path)
    _check_file(path)
    return _read_weights(path, sums) if path.suffix == WEIGHTS_SUFFIX else _read_pickled(path, sums)


def _read_weights(path: Path, sums: bool) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            meta = file.metadata() or {}
        # By its name or its value: a damaged byte may be in either.
        found = [name for name, fact in meta.items() if name == _SUM or fact.startswith(_SUM_KIND)]
        content = path.read_bytes() if sums and found else None
    except Exception as error:  # whatever the library makes of a stranger's bytes
        raise InputError(f"{path} is damaged or no safetensors file ({first_line(error)}): fetch it again") from None
    if content is not None and any(meta[name] != _sum_of(content) for name in found):
        raise InputError(f"{path} is damaged: its tensors differ from their checksum; fetch it again")
    return {"state_dict": state, "meta": {name: fact for name, fact in meta.items() if name not in found}}


def _read_pickled(path: Path, sums: bool) -> dict[str, Any]:
    try:
        is_archive = zipfile.is_zipfile(path)
        if sums:
            check_sums(path)
        # Not as a context manager, which would remove them again for a runner that resumes later.
        torch.serialization.add_safe_globals(HARMLESS_TYPES)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is no checkpoint, or none of ours (tensors and plain data, nothing else is loaded): "
            f"{_unpickled(error)}"
        ) from None
    except Exception as error:  # whatever torch makes of a stranger's bytes
        raise InputError(f"{path} is damaged or no PyTorch checkpoint ({first_line(error)}): fetch it again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__} and a checkpoint is a dict of tensors")
    return content


def check_sums(path: str | Path) -> None:
    """Reads every byte of an archive: its directory may be sound where its tensors are not.

    Raises:
        InputError: A record differs from its checksum.
    """
    if not zipfile.is_zipfile(path):
        return  # the format before torch 1.6, which is read in full
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # whatever the library makes of a stranger's bytes
        raise InputError(f"{path} is damaged ({first_line(error)}): fetch it again") from None
    if damaged is not None:
        raise InputError(f"{path} is damaged: wrong checksum in {damaged}; fetch it again")


def _unpickled(error: pickle.UnpicklingError) -> str:
    """What a pickle holds that is not loaded, without torch's advice to load it all the same."""
    text = str(error).split("WeightsUnpickler error:")[-1].strip().splitlines()[0]
    named = re.search(r"GLOBAL (\S+)", text)
    return f"it holds objects of {named[1][:80]}" if named else text.split(". Please")[0][:120]


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


def write_weights(
    state: dict[str, Tensor],
    path: str | Path,
    *,
    dtype: torch.dtype = torch.float16,
    meta: dict[str, str] | None = None,
) -> None:
    """Writes the tensors alone, as safetensors: a file to give away, with a checksum that is looked at on reading.

    The same tensors and facts give the same bytes.

    Args:
        state: A state dict.
        path: `.safetensors` file; one of that name is replaced.
        dtype: Precision of the floating-point tensors; the others stay as they are.
        meta: Facts about the tensors.

    Raises:
        InputError: The name ends otherwise, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != WEIGHTS_SUFFIX:
        raise InputError(f"{path}: weights are written as safetensors; end the name in {WEIGHTS_SUFFIX}")
    tensors = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).cpu().contiguous()
        for name, tensor in state.items()
    }
    try:
        with whole_file(path) as file:
            file.write(_with_facts(save(tensors), {"format": "pt", **(meta or {})}))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def _with_facts(content: bytes, facts: dict[str, str]) -> bytes:
    """A safetensors file with metadata, in order and with the checksum; the library writes another order each time."""
    end = _header_end(content)
    header = {"__metadata__": dict(sorted((facts | {_SUM: _sum_of(content)}).items())), **json.loads(content[8:end])}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _header_end(content: bytes) -> int:
    """Such a file begins with the length of a JSON header, 8 bytes, and the header, padded to a multiple of 8."""
    return 8 + int.from_bytes(content[:8], "little")


def _sum_of(content: bytes) -> str:
    return _SUM_KIND + hashlib.sha256(memoryview(content)[_header_end(content) :]).hexdigest()


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
        raise InputError(f"{path} is a web page, not a checkpoint: download the file itself, not its page")
