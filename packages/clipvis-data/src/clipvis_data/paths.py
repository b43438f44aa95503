"""File names that come from annotation files: kept inside the data root, and looked up before
training."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from clipvis_core.foundation.errors import InputError


def relative_name(name: str, where: str) -> str:
    """A file name of an annotation file as a clean relative path.

    Names written on Windows are cut at their backslashes and the last two parts (video folder and
    frame) are kept, as the published loaders of LV-VIS and BURST do.

    Args:
        name: The name as it stands in the file.
        where: Name of the record, for messages.

    Raises:
        InputError: The name is empty, absolute, or climbs out of the data root.
    """
    if "\\" in name:
        name = "/".join(name.split("\\")[-2:])
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or "\0" in name or ":" in name.split("/")[0]
    if not path.name or unsafe:
        raise InputError(f"{where}: file name {name[:80]!r} does not stay inside the data root")
    return str(path)


def require_files(root: str | Path, names: Iterable[str], source: str) -> None:
    """Checks that files exist, listing each folder once.

    Args:
        root: Folder the names are relative to.
        names: Relative paths with forward slashes.
        source: The annotation file, for the message.

    Raises:
        InputError: Files are missing; names the first and counts the others.
    """
    missing = missing_files(root, names)
    if missing:
        others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InputError(
            f"{Path(root) / missing[0]}{others}, named in {source}, does not exist; check data_root and data_prefix"
        )


def missing_files(root: str | Path, names: Iterable[str]) -> list[str]:
    """Those of some relative paths that are not below `root`, in the order given."""
    listings: dict[str, set[str]] = {}
    missing = []
    for name in names:
        folder, _, base = name.rpartition("/")
        if folder not in listings:
            try:
                with os.scandir(Path(root) / folder) as entries:
                    listings[folder] = {entry.name for entry in entries}
            except OSError:
                listings[folder] = set()
        if base not in listings[folder]:
            missing.append(name)
    return missing
