"""What `clipvis ask` does: answers an earlier run's features for other words, or finds moments in several."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from clipvis_core.batch.answer_files import PICTURE, REPORT, draw_result, write_end, write_lists
from clipvis_core.command_line.ask import answer_folder
from clipvis_core.command_line.choices import contrast_choice, prepare
from clipvis_core.command_line.table import print_moments, print_table
from clipvis_core.command_line.words import words_and_hints
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import full_disk_in_a_line
from clipvis_core.inference.asking import Asker
from clipvis_core.inference.finding import Moment, find_moments
from clipvis_core.inference.output_folder import RESULTS, WORDS, OutputFolder, places_of, read_record
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.inference.stream_writer import OVERLAY, SHEET
from clipvis_core.media import FramesAt, FrameSource, open_frames


def ask(args: argparse.Namespace) -> int:
    """Writes the answer of a folder for other words, and prints its table.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    if len(args.folders) > 1:
        raise InputError("several folders are for --find: ask one of them at a time")
    if args.topk is not None and args.topk < 1:
        raise InputError(f"--topk must be at least 1, got {args.topk}")
    prepare(args)
    vocabulary = words_and_hints(args)
    place = Path(args.folders[0])
    asker = open_asker(args, place)
    with full_disk_in_a_line():
        result = asker.ask(vocabulary, contrast=contrast_choice(args), topk=args.topk, progress=True)
        record = read_record(place if place.is_dir() else place.parent) or {}
        result = replace(result, frames=places_of(record, result.num_frames))
        score_thr = asker.score_thr(result) if args.score_thr is None else args.score_thr
        written, out_dir = write_answer(args, result, record, score_thr)
    print_table(result.drawn(score_thr, all_tracks=args.all_tracks), score_thr)
    print(f"wrote {', '.join(written)} to {out_dir}")
    return 0


def find(args: argparse.Namespace) -> int:
    """Lists the moments at which tracks match some words best, of one or more folders; returns the exit code.

    A folder that cannot be asked is named, and the others are looked at.

    Raises:
        InputError: None of the folders can be asked, or a word cannot be read.
    """
    if args.top < 1:
        raise InputError(f"--top must be at least 1, got {args.top}")
    prepare(args)
    vocabulary = words_and_hints(args)
    found: list[tuple[str, Moment]] = []
    faults = []
    for folder in args.folders:
        try:
            asker = open_asker(args, Path(folder))
        except InputError as error:
            faults.append(str(error))
            continue
        moments = find_moments(
            asker, vocabulary, contrast=contrast_choice(args), score_thr=args.score_thr or 0.0, most=args.top
        )
        found += [(folder, moment) for moment in moments]
    if len(faults) == len(args.folders):
        raise InputError(faults[0] if len(faults) == 1 else f"{faults[0]} ({len(faults) - 1} more like this)")
    for fault in faults:
        print(f"warning: {fault}", file=sys.stderr)
    found.sort(key=lambda each: -each[1].score)
    print_moments(found[: args.top], args.find, vocabulary)
    return 0


def open_asker(args: argparse.Namespace, place: Path) -> Asker:
    """What there is to ask; says so if the run did not come to its end."""
    asker = Asker.open(place, config=args.config, checkpoint=args.checkpoint)
    if not asker.features.ended:
        frames = len(asker.features)
        print(f"warning: the features of {place} break off: asked are its first {frames} frames", file=sys.stderr)
    return asker


def write_answer(
    args: argparse.Namespace, result: SegmentationResult, record: dict, score_thr: float
) -> tuple[list[str], Path]:
    """Writes an answer to its folder.

    Args:
        args: Options of the command.
        result: The answer.
        record: `video.json` of the run, or {}.
        score_thr: Least score that is drawn.

    Returns:
        Names of the files, and the folder.
    """
    out_dir = answer_folder(args)
    video = record.get("input") if isinstance(record.get("input"), str) else None
    source = None if args.no_video else open_video(video, result)
    is_image = source is not None and source.num_frames == 1
    pictures = [] if source is None else [PICTURE] if is_image else [OVERLAY, SHEET]
    pages = [] if source is None or args.no_report else [REPORT]
    reads = [path for path in (*args.folders, args.classes_file, args.vocabulary, video) if path]
    with OutputFolder(out_dir, [RESULTS, WORDS, *pictures, *pages], reads=reads, video=video) as folder:
        write_lists(result, folder)
        if source is not None:
            drawn = result.drawn(score_thr, all_tracks=args.all_tracks)
            draw_result(drawn, source, folder, is_image=is_image)
        complete = result.asker.features.ended and record.get("complete") is True
        shown = {"score_thr": score_thr, "all_tracks": args.all_tracks}
        write_end(result, source if pages else None, folder, complete=complete, **shown)
    return sorted(folder.written), out_dir


def open_video(video: str | None, result: SegmentationResult) -> FrameSource | None:
    """The frames of an answer, if they are still there."""
    if video is None or not Path(video).exists():
        print("the video is not there any more: no overlay is drawn", file=sys.stderr)
        return None
    source = open_frames(video, allow_truncated=True)
    if (source.height, source.width) != (result.height, result.width):
        print(f"{video} has frames of another size by now: no overlay is drawn", file=sys.stderr)
        return None
    return FramesAt(source, result.frames) if result.frames else source
