"""Reads json files from strangers: whole ones, and lists too long to hold as objects."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from clipvis_data.errors import InputError

_CHUNK_BYTES = 2**21
_RECORD_HEAD = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"')
_BOM = b"\xef\xbb\xbf"


def read_json(path: str | Path) -> Any:
    """Parses a json file.

    Raises:
        InputError: The file cannot be read or is not json.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return _parse(text.removeprefix(_BOM), path)


def iterate_records(path: str | Path) -> Iterator[list]:
    """Yields the elements of a json list, some megabytes at a time.

    The memory taken does not grow with the file where all elements begin alike (with the same first
    key), as every writer of result files does; other files are parsed in one piece, with the same
    outcome.

    Args:
        path: A json file that holds one list.

    Yields:
        Consecutive elements of the list, together the whole list.

    Raises:
        InputError: The file cannot be read, is not json, or is not a list.
    """
    try:
        with open(path, "rb") as file:
            yield from _iterate_chunks(file, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _iterate_chunks(file: Any, path: str | Path) -> Iterator[list]:
    pending = file.read(_CHUNK_BYTES).removeprefix(_BOM).lstrip()
    if not pending.startswith(b"["):
        _parse(pending + file.read(), path)
        raise InputError(f"{path}: is not a list of results; expected [{{...}}, ...]")
    pending = pending[1:].lstrip()
    head = _RECORD_HEAD.match(pending)
    while head and (more := file.read(_CHUNK_BYTES)):
        pending += more
        cut = pending.rfind(head.group())
        # A cut between two elements leaves valid json on its left; any other leaves a bracket open.
        left = pending[:cut].rstrip()
        if cut > 0 and left.endswith(b","):
            try:
                records = _loads(b"[" + left[:-1] + b"]")
            except ValueError:
                break
            yield records
            pending = pending[cut:]
    yield _parse(b"[" + pending + file.read(), path)


def _loads(text: bytes) -> Any:
    # A parser makes objects without cycles by the hundred thousand; without a pause the collector
    # would look through everything in memory again and again and take most of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)  # also reads NaN, which Python writes; its record is named later
    finally:
        if was_enabled:
            gc.enable()


def _parse(text: bytes, path: str | Path) -> Any:
    try:
        return _loads(text)
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply for a result or annotation file") from None
    except ValueError as error:
        raise InputError(f"{path}: is not valid json (cut short or damaged?): {error}") from None
