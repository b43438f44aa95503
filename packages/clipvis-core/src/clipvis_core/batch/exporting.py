"""The exports of each input of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from clipvis_core.exports import KINDS, NoTrackError, Options, check_target, default_target, export
from clipvis_core.inference import Answer


def check_exports(kinds: Iterable[str], folder: Path) -> None:
    """Whether exports may be written to an output folder.

    Raises:
        InputError: Something else is in the place of one.
    """
    for kind in kinds:
        check_target(KINDS[kind], default_target(folder, KINDS[kind]))


def write_exports(kinds: Iterable[str], folder: Path, *, all_tracks: bool) -> list[str]:
    """Writes the exports of an output folder; a video without tracks has none.

    Returns:
        Paths of what was written, below the folder.

    Raises:
        InputError: One cannot be written.
    """
    written = []
    answer = Answer.read(folder) if kinds else None
    for kind in kinds:
        with suppress(NoTrackError):
            path = export(answer, kind, all_tracks=all_tracks, options=Options(progress=False))
            written.append(path.relative_to(folder).as_posix())
    return written
