"""`clipvis export`: what runs found, in the forms that other programs read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clipvis_core.foundation.errors import InputError

if TYPE_CHECKING:
    from clipvis_core.exports import Kind
    from clipvis_core.inference import Answer


def main(arguments: Sequence[str]) -> int:
    """Writes the exports and prints where they are.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    args = parse_args(arguments)
    from clipvis_core.exports import Options, Review, kinds_of  # import torch: after the arguments
    from clipvis_core.inference import Answer

    kinds = kinds_of(args.kinds)
    check_numbers(args)
    folders = dict.fromkeys(Path(folder).resolve() for folder in args.folders)
    answers = [Answer.read(folder) for folder in folders]
    choices = {
        "all_tracks": args.all_tracks,
        "score_thr": args.score_thr,
        "min_score": args.min_score,
        "review": Review.read(args.review) if args.review else None,
        "options": Options(frames=not args.no_frames, crops=args.crops, progress=True),
    }
    to = Path(args.to) if args.to else None
    for kind in kinds:
        place = to / kind.file_name if to and len(kinds) > 1 else to
        for path in export_kind(answers, kind, place, choices):
            print(f"wrote {path}: {kind.writes}")
    return 0


def parse_args(arguments: Sequence[str]) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        "clipvis export", description=__doc__, epilog="Kinds and how to open them: docs/exports.md."
    )
    parser.add_argument("folders", nargs="+", metavar="OUT", help="output folders of clipvis")
    parser.add_argument(
        "kinds",
        metavar="KIND[,KIND]",
        help="coco, ytvis, mots, csv, yolo (several folders in one), cvat, labelstudio, rgba, rgba-mov, rgba-webm, "
        "crops, gif, frames",
    )
    parser.add_argument(
        "--to",
        metavar="PATH",
        help="what to write; the folder for it with several kinds, or several folders of a kind that keeps them apart "
        "(default: OUT/exports/KIND)",
    )
    parser.add_argument("--all-tracks", action="store_true", help="also duplicates, parts and tracks that flicker")
    parser.add_argument("--score-thr", type=float, metavar="S", help="least score that is drawn (default: the run's)")
    parser.add_argument(
        "--min-score", type=float, default=0.0, metavar="S", help="least score of tracks that nobody accepted"
    )
    parser.add_argument(
        "--review", metavar="FILE", help="csv with video, track, label and decision (accepted or rejected)"
    )
    parser.add_argument("--no-frames", action="store_true", help="data sets without pictures, where the video is gone")
    parser.add_argument("--crops", type=int, default=5, metavar="N", help="pictures of each track (default: 5)")
    return parser.parse_args(arguments)


def planned_exports(kinds: str | None, out_dir: Path, *, kept: bool, live: bool) -> list[Kind]:
    """The kinds that a run is to write when it is done, each with a place for it in the run's output folder.

    Args:
        kinds: What `--export` says.
        out_dir: The output folder.
        kept: Whether the run writes `results.json`.
        live: Whether its video comes once.

    Raises:
        InputError: A kind is unknown or cannot be written, or something else is in its place.
    """
    from clipvis_core.exports import check_target, default_target, kinds_of

    if kinds is None:
        return []
    if not kept:
        raise InputError("--export writes what is in results.json, which --live-only does not write")
    planned = kinds_of(kinds)
    for kind in planned:
        if live and kind.pixels:
            raise InputError(f"--export {kind.name} reads the video again, and this one comes once")
        check_target(kind, default_target(out_dir, kind))
    return planned


def write_exports(kinds: Sequence[Kind], out_dir: Path, *, all_tracks: bool) -> None:
    """Writes the planned exports of a run that is done; see `export` for what is raised."""
    from clipvis_core.inference import Answer

    if kinds:
        answer = Answer.read(out_dir)
        _write_all(kinds, [answer], out_dir, all_tracks=all_tracks, frames=answer.video is not None)


def planned_batch_exports(kinds: str | None, out_dir: Path) -> tuple[list[Kind], tuple[str, ...]]:
    """What a batch is to export.

    Returns:
        The data sets, each of all videos together, and the names of the kinds that each video has for itself.

    Raises:
        InputError: A kind is unknown, or something else is in the place of a data set.
    """
    from clipvis_core.exports import check_target, default_target, kinds_of

    planned = kinds_of(kinds) if kinds is not None else []
    data_sets = [kind for kind in planned if kind.is_data_set]
    for kind in data_sets:
        check_target(kind, default_target(out_dir, kind))
    return data_sets, tuple(kind.name for kind in planned if not kind.is_data_set)


def write_data_sets(kinds: Sequence[Kind], folders: Sequence[str], out_dir: Path, *, all_tracks: bool) -> None:
    """Writes the data sets of a batch to `OUT_DIR/exports`; see `export` for what is raised."""
    from clipvis_core.inference import Answer

    if kinds and folders:
        _write_all(kinds, [Answer.read(folder) for folder in folders], out_dir, all_tracks=all_tracks, frames=True)


def _write_all(
    kinds: Sequence[Kind], answers: Sequence[Answer], out_dir: Path, *, all_tracks: bool, frames: bool
) -> None:
    """Writes kinds of export to `OUT_DIR/exports` and says so; one without a track is named."""
    from clipvis_core.exports import NoTrackError, Options, default_target, export

    options = Options(frames=frames, progress=True)
    for kind in kinds:
        try:
            path = export(answers, kind.name, default_target(out_dir, kind), all_tracks=all_tracks, options=options)
            print(f"wrote {path}: {kind.writes}")
        except NoTrackError as error:
            print(f"no {kind.name}: {error}", file=sys.stderr)


def check_numbers(args: argparse.Namespace) -> None:
    """Whether scores and counts are some.

    Raises:
        InputError: One is not.
    """
    for option, value in (("--score-thr", args.score_thr), ("--min-score", args.min_score)):
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"{option} {value:g}: scores go from 0 to 1, so give a number in between")
    if not 1 <= args.crops <= 10_000:
        raise InputError(f"--crops {args.crops}: give a number from 1 to 10000")


def export_kind(answers: list[Answer], kind: Kind, to: Path | None, choices: dict) -> list[Path]:
    """Writes one kind: of all answers together if the kind joins them, else of each."""
    from clipvis_core.exports import NoTrackError, export
    from clipvis_core.exports.names import UniqueNames

    if len(answers) == 1 or kind.joins:
        return [export(answers, kind.name, to, **choices)]
    names, written = UniqueNames(), []
    for answer in answers:
        place = to / f"{names(answer.folder.resolve().name)}{kind.suffix}" if to else None
        try:
            written.append(export(answer, kind.name, place, **choices))
        except NoTrackError as error:
            print(f"left out: {error}", file=sys.stderr)
    return written
