"""What an exporter is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clipvis_core.exports.selection import Selection


@dataclass(frozen=True)
class Options:
    """Choices of some kinds.

    Attributes:
        frames: Whether data sets hold the frames as pictures too, which needs the videos.
        crops: N, pictures of each track in `crops`.
        progress: Show progress bars.
    """

    frames: bool = True
    crops: int = 5
    progress: bool = False


@dataclass(frozen=True)
class Kind:
    """One form of export.

    Attributes:
        name: What it is called on the command line.
        writes: What is written, in a few words.
        write: Writes a selection to an empty folder, or to a file that is not there yet.
        file: Usual name of its only file; a kind without one writes a folder.
        joins: Whether several answers become one export; else each has its own.
        pixels: Whether it always reads the video; data sets do so for their pictures only.
        is_ours: Whether a file that exists is one of this kind from an earlier export.
    """

    name: str
    writes: str
    write: Callable[[Selection, Path, Options], None]
    file: str = ""
    joins: bool = False
    pixels: bool = False
    is_ours: Callable[[Path], bool] = lambda path: False

    @property
    def file_name(self) -> str:
        """Name of what is written, where nobody gave one."""
        return self.file or self.name

    @property
    def is_data_set(self) -> bool:
        """Whether it is a folder that is made of many videos rather than of one."""
        return self.joins and not self.file

    @property
    def suffix(self) -> str:
        """Suffix of its file, or nothing."""
        return Path(self.file).suffix
