"""All kinds of exports, and writing one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipvis_core.exports.animation import GIF
from clipvis_core.exports.coco import COCO
from clipvis_core.exports.crops import CROPS
from clipvis_core.exports.cutouts import RGBA, RGBA_MOV, RGBA_WEBM
from clipvis_core.exports.cvat import CVAT
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.label_studio import LABEL_STUDIO
from clipvis_core.exports.mots import MOTS
from clipvis_core.exports.overlay_frames import FRAMES
from clipvis_core.exports.review import Review
from clipvis_core.exports.selection import select
from clipvis_core.exports.table import CSV
from clipvis_core.exports.target import check_target, target
from clipvis_core.exports.yolo import YOLO
from clipvis_core.exports.ytvis import YTVIS
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.answer import Answer

_ALL = (COCO, YTVIS, MOTS, CSV, YOLO, CVAT, LABEL_STUDIO, RGBA, RGBA_MOV, RGBA_WEBM, CROPS, GIF, FRAMES)
KINDS = {kind.name: kind for kind in _ALL}
FOLDER = "exports"  # in an output folder


def kinds_of(text: str) -> list[Kind]:
    """The kinds that a list such as `coco,csv` names.

    Raises:
        InputError: One is unknown.
    """
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name == "supervision":
            raise InputError("supervision is for Python and no file: clipvis_core.exports.detections(answer)")
        if name not in KINDS:
            raise InputError(f"there is no export {name[:40]!r}; there are {', '.join(KINDS)}")
    return [KINDS[name] for name in names]


def default_target(folder: Path, kind: Kind) -> Path:
    """Where an answer's export goes if nobody says: `FOLDER/exports/KIND`."""
    return folder / FOLDER / kind.file_name


def export(
    answers: Answer | Sequence[Answer],
    kind: str,
    out: str | Path | None = None,
    *,
    all_tracks: bool = False,
    score_thr: float | None = None,
    min_score: float = 0.0,
    review: Review | None = None,
    options: Options | None = None,
) -> Path:
    """Writes what one or several runs found in the form that other programs read.

    Args:
        answers: What to export. Several are one data set where the kind joins them (coco, ytvis, mots, csv, yolo).
        kind: A name of `KINDS`.
        out: File or folder to write, replaced if an export of this kind wrote it; by default `exports/KIND` in the
            answer's folder.
        all_tracks: Also duplicates, parts of a thing and tracks that flicker.
        score_thr: Least score of the tracks to choose from; by default that of each run.
        min_score: Least score of tracks that nobody accepted.
        review: Takes rejected tracks out and accepted ones in.
        options: Choices of some kinds.

    Returns:
        What was written, which is there whole or not at all.

    Raises:
        InputError: The kind is unknown, no track is to be exported, something else is at `out`, the video is needed and
            gone, or the disk is full.
    """
    answers = [answers] if isinstance(answers, Answer) else list(answers)
    (form,) = kinds_of(kind)
    if len(answers) != 1 and (not form.joins or out is None):
        remedy = "name where to write it" if form.joins else "each video has its own"
        raise InputError(f"{kind}: {len(answers)} videos are no export; {remedy}")
    path = default_target(answers[0].folder, form) if out is None else Path(out)
    check_target(form, path)
    selection = select(answers, all_tracks=all_tracks, score_thr=score_thr, min_score=min_score, review=review)
    with target(form, path) as place:
        form.write(selection, place, options or Options())
    return path
