"""Reads json files: whole ones, and lists too long to hold as objects."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from clipvis_core.foundation.collector import collector_paused
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.unpacking import UNPACKING_FAULTS

_CHUNK_BYTES = 2**17  # text, objects and what is made of them stay in the processor cache
_RECORD_HEAD = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"')
_BOM = b"\xef\xbb\xbf"


def read_json(path: str | Path) -> Any:
    """Parses a json file.

    Raises:
        InputError: The file cannot be read or is not json.
    """
    with _opened(path) as file:
        text = file.read()
    return _parse(text.removeprefix(_BOM), path)


def iterate_records(path: str | Path) -> Iterator[list]:
    """Yields the elements of a json list, some megabytes at a time.

    The memory taken does not grow with the file where all elements begin alike (with the same first key), as every
    writer of result files does; other files are parsed in one piece, with the same outcome.

    Args:
        path: A json file that holds one list.

    Yields:
        Consecutive elements of the list, together the whole list.

    Raises:
        InputError: The file cannot be read, is not json, or is not a list.
    """
    with _opened(path) as file:
        yield from _iterate_chunks(file, path)


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    """The bytes of a json file; of a `.gz`, or of the one json in a `.zip`, unpacked."""
    try:
        with ExitStack() as stack:
            file = stack.enter_context(open(path, "rb"))
            magic = file.read(4)
            file.seek(0)
            if magic.startswith(b"\x1f\x8b"):
                file = stack.enter_context(gzip.open(file))
            elif magic == b"PK\x03\x04":
                archive = stack.enter_context(zipfile.ZipFile(file))
                names = [name for name in archive.namelist() if name.endswith(".json") and "__MACOSX" not in name]
                if len(names) != 1:
                    raise InputError(f"{path}: is a zip with {len(names)} json files, not one; unpack it")
                file = stack.enter_context(archive.open(names[0]))
            yield file
    except UNPACKING_FAULTS as error:
        raise InputError(f"{path}: cannot be unpacked (cut short or damaged?): {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _iterate_chunks(file: Any, path: str | Path) -> Iterator[list]:
    first = file.read(_CHUNK_BYTES).removeprefix(_BOM).lstrip()
    if not first.startswith(b"["):
        _parse(first + file.read(), path)
        raise InputError(f"{path}: is not a list of results; expected [{{...}}, ...]")
    buffer = bytearray(first)
    head = _RECORD_HEAD.match(first[1:].lstrip())
    while head and (more := file.read(_CHUNK_BYTES)):
        searched = len(buffer) - len(head.group())
        buffer += more
        cut = buffer.rfind(head.group(), max(searched, 0))
        comma = cut - 1
        while comma > 0 and buffer[comma] in b" \t\r\n":
            comma -= 1
        if comma < 1 or buffer[comma] != ord(","):
            continue
        # A cut between two elements leaves valid json on its left; any other leaves a bracket open.
        buffer[comma] = ord("]")
        try:
            with memoryview(buffer)[: comma + 1] as whole_elements:
                records = _loads(whole_elements)
        except ValueError:
            buffer[comma] = ord(",")
            break
        yield records
        buffer = bytearray(b"[") + buffer[cut:]
    buffer += file.read()
    yield _parse(buffer, path)


def _loads(text: bytes | bytearray | memoryview) -> Any:
    with collector_paused():
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            # Also reads NaN, as Python writes it; its record is named later.
            return json.loads(bytes(text))


def _parse(text: bytes | bytearray, path: str | Path) -> Any:
    try:
        return _loads(text)
    except RecursionError:
        raise InputError(f"{path}: is not valid json: it is nested too deeply") from None
    except ValueError as error:
        if _is_lines(bytes(text)):
            raise InputError(
                f"{path}: is JSON lines, a value on each line: make one list of them, [..., ...]"
            ) from None
        raise InputError(f"{path}: is not valid json (cut short or damaged?): {error}") from None


def _is_lines(text: bytes) -> bool:
    """Whether the first two lines of what is no json are json each, as programs that append write them."""
    lines = text.lstrip().split(b"\n", 2)[:2]
    try:
        return len([_loads(line) for line in lines if line.strip()]) == 2
    except (ValueError, RecursionError):
        return False
