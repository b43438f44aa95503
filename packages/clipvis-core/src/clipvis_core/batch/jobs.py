"""Inputs with their output folders, and the shares of several runs."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from clipvis_core.batch.inputs import FoundInput
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.output_folder import read_record

_MOST_LETTERS = 150  # of a part of a name; file systems have 255 bytes
_RESERVED = re.compile(r"(summary|failures).*\.csv", re.IGNORECASE)


@dataclass(frozen=True)
class Job:
    """An input and where its answer goes.

    Attributes:
        index: Place in the list of all inputs, from 0.
        video: Path of the input.
        folder: Its output folder.
        spare: Another one, where a run on another input wrote to the first.
    """

    index: int
    video: str
    folder: str
    spare: str

    def place(self) -> Path:
        """The folder to write to."""
        record = read_record(Path(self.folder))
        owner = None if record is None else record.get("input")
        return Path(self.folder if owner in (None, os.path.realpath(self.video)) else self.spare)


def jobs_of(inputs: Sequence[FoundInput], out_dir: Path) -> list[Job]:
    """A job for each input. Names that collide get a mark that depends on the input's path alone.

    Names collide if they differ in letter case only, or one is a folder within another's.
    """
    names = [_short(entry.name) for entry in inputs]
    keys = [_key(name) for name in names]
    count = Counter(keys)
    within = {parent.as_posix() for key in keys for parent in PurePath(key).parents}
    jobs = []
    for index, (entry, name, key) in enumerate(zip(inputs, names, keys, strict=True)):
        mark = hashlib.sha256(os.fsencode(os.path.realpath(entry.path))).hexdigest()[:8]
        marked = f"{name}-{mark}"
        collides = count[key] > 1 or key in within or _RESERVED.fullmatch(key) is not None
        chosen = marked if collides else name
        jobs.append(Job(index, entry.path, str(out_dir / chosen), str(out_dir / marked)))
    return jobs


def parse_shard(text: str) -> tuple[int, int]:
    """`I/N` as (I, N).

    Raises:
        InputError: It is no share of a whole.

    >>> parse_shard("2/8")
    (2, 8)
    """
    match = re.fullmatch(r"(\d{1,7})/(\d{1,7})", text)
    shard = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= shard[0] <= shard[1]:
        raise InputError(f"--shard {text}: give I/N with I from 1 to N, as 1/8 for the first of eight shares")
    return shard


def _short(name: str) -> str:
    return str(PurePath(*(part[:_MOST_LETTERS] for part in PurePath(name).parts)))


def _key(name: str) -> str:
    """What two names have in common that one file system or another takes for the same."""
    return unicodedata.normalize("NFC", PurePath(name).as_posix()).casefold()
