"""Segments a video, a folder of frames or an image; writes files and prints a table."""

from __future__ import annotations

import argparse
import os
import warnings
from importlib.metadata import entry_points
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.foundation.whole_file import whole_file
from clipvis_core.inference.index_masks import check_replaceable, write_index_masks
from clipvis_core.inference.inferencer import CLIPVISInferencer
from clipvis_core.inference.model_choice import choose_model
from clipvis_core.inference.overlay import overlay_frames, write_overlay
from clipvis_core.inference.result import DrawnTracks
from clipvis_core.inference.stream_writer import OVERLAY, SHEET, write_picture, write_stream
from clipvis_core.media import ContactSheet, FrameSource, open_frames
from clipvis_core.tracking import LiveRule

MASKS, PICTURE, RESULTS, WORDS = "masks", "overlay.png", "results.json", "vocabulary.json"
TABLE_ROWS = 30
VOCABULARY_SOURCES = "clipvis.vocabularies"  # entry points: functions from a name to a `Vocabulary`


def infer(args: argparse.Namespace) -> None:
    """Does what the options of `infer_options.parse_args` ask for.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    live = live_rule(args)
    vocabulary = read_words(args)
    source = open_frames(args.input, allow_truncated=args.allow_truncated)
    out_dir = Path(args.out_dir) if args.out_dir else Path("outputs") / source.name
    check_writable(out_dir)
    check_masks(args, out_dir)
    streaming = args.stream or live is not None or source.live
    inferencer = build_inferencer(args, vocabulary, is_image=source.num_frames == 1 and not streaming)
    if streaming:
        stream = inferencer.stream(source, live=live, keep=not args.live_only, progress=True)
        out_dir.mkdir(parents=True, exist_ok=True)
        written = write_stream(stream, out_dir, score_thr=args.score_thr, draw=not args.no_video)
        drawn = None if args.live_only else stream.result().drawn(args.score_thr)
    else:
        drawn = inferencer(source).drawn(args.score_thr)
        out_dir.mkdir(parents=True, exist_ok=True)
        written = [] if args.no_video else draw_result(drawn, source, out_dir)
    with whole_file(out_dir / WORDS) as file:
        file.write(vocabulary.to_json().encode("utf-8"))
    written.append(WORDS)
    if drawn is not None:
        written += write_result(drawn, out_dir, masks=args.masks)
        print_table(drawn, args.score_thr)
    print(f"wrote {', '.join(sorted(written))} to {out_dir}")


def build_inferencer(args: argparse.Namespace, vocabulary: Vocabulary, *, is_image: bool) -> CLIPVISInferencer:
    """The model that the command line asks for."""
    config, checkpoint = choose_model(args.model, args.config, args.checkpoint, is_image=is_image)
    names = ("device", "dtype", "compile", "short_side", "topk", "num_memory", "num_match")
    options = {name: getattr(args, name) for name in names}
    return CLIPVISInferencer(config, checkpoint, vocabulary=vocabulary, **options)


def draw_result(drawn: DrawnTracks, source: FrameSource, out_dir: Path) -> list[str]:
    """Writes the overlay, and its contact sheet or, for an image, a picture; returns the files' names."""
    sheet = ContactSheet()
    write_overlay(drawn, source, out_dir / OVERLAY, sheet=sheet)
    if drawn.result.num_frames == 1:
        write_picture(next(overlay_frames(drawn, source)), out_dir / PICTURE)
        return [OVERLAY, PICTURE]
    write_picture(sheet.image(), out_dir / SHEET)
    return [OVERLAY, SHEET]


def write_result(drawn: DrawnTracks, out_dir: Path, *, masks: bool) -> list[str]:
    """Writes all tracks, and the masks of those that are drawn if asked for; returns the files' names."""
    with whole_file(out_dir / RESULTS) as file:
        drawn.result.write_json(file)
    if not masks:
        return [RESULTS]
    write_index_masks(drawn, out_dir / MASKS)
    return [RESULTS, MASKS]


def live_rule(args: argparse.Namespace) -> LiveRule | None:
    """When tracks start and end in frames.jsonl, if the command line says so."""
    if args.live_start is None and args.live_patience is None and not args.live_only:
        return None
    given = {"start_score": args.live_start, "patience": args.live_patience}
    try:
        return LiveRule(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError(f"--live-start, --live-patience: {error}") from None


def read_words(args: argparse.Namespace) -> Vocabulary:
    """The categories the command line names."""
    if args.classes is not None:
        return Vocabulary.from_text(args.classes)
    if args.classes_file is not None:
        return Vocabulary.from_file(args.classes_file)
    if args.vocabulary is None:
        raise InputError('no categories given: use --classes "dog; person", --classes-file or --vocabulary')
    for source in entry_points(group=VOCABULARY_SOURCES):
        return source.load()(args.vocabulary)
    raise InputError("--vocabulary needs the package clipvis-data: install it, or use --classes-file")


def check_writable(out_dir: Path) -> None:
    """Checks before the work begins that the output can be written."""
    existing = next(path for path in (out_dir, *out_dir.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise InputError(f"{existing} is a file: choose another --out-dir")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write in {existing}: choose another --out-dir")


def check_masks(args: argparse.Namespace, out_dir: Path) -> None:
    """Whether --masks can be done."""
    if args.masks and args.live_only:
        raise InputError("--masks draws what is in results.json, which --live-only does not write")
    if args.masks:
        check_replaceable(out_dir / MASKS)


def print_table(drawn: DrawnTracks, score_thr: float) -> None:
    """Tracks on the terminal, best first."""
    from rich.console import Console
    from rich.table import Table

    lines = drawn.summary()
    table = Table()
    for column in ("track", "label", "score", "first", "last"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for line in lines[:TABLE_ROWS]:
        table.add_row(str(line.track), line.label, f"{line.score:.3f}", str(line.first), str(line.last))
    console = Console()
    result = drawn.result
    title = f"{result.name}: {len(lines)} tracks with score >= {score_thr:g} in {result.num_frames} frames"
    console.print(title, soft_wrap=True)
    console.print(table)
    if len(lines) > TABLE_ROWS:
        console.print(f"... and {len(lines) - TABLE_ROWS} more in {RESULTS}")
