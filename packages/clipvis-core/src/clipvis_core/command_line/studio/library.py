"""The answers of an output folder: listed, opened, and the files of each that a browser may have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.output_folder import RECORD, RESULTS, read_record

EXPORTS = "exports"  # a folder in that of an answer
ASKED = "asked"  # the folder of the latest answer for other words, in that of a run


@dataclass(frozen=True)
class Library:
    """An output folder.

    Attributes:
        root: The folder; answers are the folders in it.
    """

    root: Path

    def names(self) -> list[str]:
        """Names of the answers, the newest first: those of runs, and `NAME/asked` for other words."""
        places = (f"*/{RESULTS}", f"*/{ASKED}/{RESULTS}")
        folders = [path.parent for place in places for path in self.root.glob(place)]
        ours = [folder for folder in folders if read_record(folder) is not None]
        ours.sort(key=lambda folder: -(folder / RECORD).stat().st_mtime)
        return [folder.relative_to(self.root).as_posix() for folder in ours]

    def folder(self, name: str) -> Path:
        """The folder of an answer.

        Raises:
            InputError: There is none of that name.
        """
        if name not in self.names():
            raise InputError(f"there is no answer '{name[:60]}' any more: choose another")
        return self.root / name

    def new_folder(self, name: str) -> Path:
        """A folder for a run that is not there yet."""
        number, folder = 1, self.root / name
        while folder.exists():
            number += 1
            folder = self.root / f"{name}-{number}"
        return folder

    def file(self, path: str) -> Path | None:
        """A file that a run or an export wrote, by its path from the root, or None: no other file is given away."""
        place = (self.root / path).resolve()
        if not place.is_relative_to(self.root.resolve()) or not place.is_file():
            return None
        for name in self.names():
            folder = (self.root / name).resolve()
            if place.is_relative_to(folder) and _is_given(place.relative_to(folder), read_record(folder)):
                return place
        return None


def _is_given(path: Path, record: dict | None) -> bool:
    """Whether a file, by its path from an answer's folder, was written by a run or an export."""
    if record is None or any(part.startswith(".") for part in path.parts):
        return False
    return path.parts[0] in {*record["files"], RECORD, EXPORTS}
