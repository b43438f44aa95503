"""Segments a video, a folder of frames or an image; writes files and prints a table."""

from __future__ import annotations

import argparse
import errno
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clipvis_core.command_line.export import planned_exports, write_exports
from clipvis_core.command_line.infer_options import ALWAYS, NEVER
from clipvis_core.command_line.table import print_table
from clipvis_core.command_line.words import read_words, separator_hint
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.asking import FEATURES, MOST_FEATURE_BYTES
from clipvis_core.inference.index_masks import check_replaceable, write_index_masks
from clipvis_core.inference.inferencer import CLIPVISInferencer
from clipvis_core.inference.model_choice import choose_model
from clipvis_core.inference.output_folder import RESULTS, WORDS, OutputFolder, default_folder
from clipvis_core.inference.overlay import overlay_frames, write_overlay
from clipvis_core.inference.result import DrawnTracks, SegmentationResult
from clipvis_core.inference.stream_writer import LINES, OVERLAY, SHEET, first_interrupt, write_picture, write_stream
from clipvis_core.media import ContactSheet, FrameSource, open_frames
from clipvis_core.report import MOST_FRAMES, report_chunks
from clipvis_core.text.contrast import AUTO, NONE
from clipvis_core.tracking import LiveRule

MASKS, PICTURE, REPORT = "masks", "overlay.png", "report.html"


def infer(args: argparse.Namespace) -> int:
    """Does what the options of `infer_options.parse_args` ask for.

    Returns:
        The exit code: 0, or 130 if somebody pressed Ctrl-C and the results are those of the frames before.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    prepare(args)
    live = live_rule(args)
    vocabulary = read_words(args)
    source = open_frames(args.input, allow_truncated=args.allow_truncated)
    video = None if source.live else str(Path(args.input).resolve())
    out_dir = Path(args.out_dir) if args.out_dir else default_folder(source.name, video)
    streaming = args.stream or live is not None or source.live
    is_image = source.num_frames == 1 and not streaming
    check_masks(args, out_dir)
    exports = planned_exports(args.export, out_dir, kept=not args.live_only, live=source.live)
    reads = [path for path in (args.input, args.checkpoint, args.config, args.classes_file, args.vocabulary) if path]
    stopped = threading.Event()
    names = planned(args, source, is_image, streaming)
    folder = OutputFolder(out_dir, names, reads=reads, video=video)
    with folder, full_disk_in_a_line():
        inferencer = build_inferencer(args, vocabulary, is_image=is_image)
        score_thr = inferencer.score_thr if args.score_thr is None else args.score_thr
        shown = {"score_thr": score_thr, "all_tracks": args.all_tracks}
        with kept_features(args, folder) as kept:
            if streaming:
                stream = inferencer.stream(source, live=live, keep=not args.live_only, progress=True, **kept)
                folder.written += write_stream(stream, out_dir, draw=not args.no_video, stopped=stopped, **shown)
                result = None if args.live_only else stream.result()
            else:
                result = segment(inferencer, source, stopped, **kept)
        with folder.file(WORDS) as file:
            file.write(vocabulary.to_json().encode("utf-8"))
        if result is not None:
            drawn = result.drawn(**shown)
            folder.describe(result, score_thr=score_thr, complete=not stopped.is_set())
            write_result(drawn, folder, masks=args.masks)
            if not streaming and not args.no_video:
                draw_result(drawn, source, folder, is_image=is_image)
            if REPORT in names:
                write_page(result, source, folder, complete=not stopped.is_set(), **shown)
            else:
                folder.remove(REPORT)
    if result is not None:
        print_table(drawn, score_thr)
    print(f"wrote {', '.join(sorted(folder.written))} to {out_dir}")
    write_exports(exports, out_dir, all_tracks=args.all_tracks)
    if stopped.is_set():
        frames = "so far" if result is None else f"before: {result.num_frames}"
        print(f"interrupted: this is the result of the frames {frames}", file=sys.stderr)
        return 130
    return 0


def prepare(args: argparse.Namespace) -> None:
    """Warnings in one line each, a terminal that takes every word, and a look at what can be wrong with options."""
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a word that the terminal cannot show must not end the run
    if args.score_thr is not None and not 0 <= args.score_thr <= 1:
        raise InputError(f"--score-thr {args.score_thr:g}: scores go from 0 to 1, so give a number in between")
    if args.classes is not None and (hint := separator_hint(args.classes)):
        print(f"hint: {hint}", file=sys.stderr)


def planned(args: argparse.Namespace, source: FrameSource, is_image: bool, streaming: bool) -> list[str]:
    """Names of the files that these options ask for; a page needs frames that can be read again."""
    wanted = {
        WORDS: True,
        RESULTS: not args.live_only,
        MASKS: args.masks,
        FEATURES: keeps_features(args),
        LINES: streaming,
        OVERLAY: not is_image and not args.no_video,
        SHEET: not is_image and not args.no_video,
        PICTURE: is_image and not args.no_video,
        REPORT: not (args.no_video or args.no_report or args.live_only or source.live),
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]


def keeps_features(args: argparse.Namespace) -> bool:
    """Whether these options ask for features."""
    return args.keep_features != NEVER and not args.live_only


@contextmanager
def kept_features(args: argparse.Namespace, folder: OutputFolder) -> Iterator[dict[str, Any]]:
    """What to tell `CLIPVISInferencer.stream` so that the folder gets its features."""
    if not keeps_features(args):
        yield {}
        folder.remove(FEATURES)
        return
    with folder.spare_file(FEATURES) as file:
        limit = None if args.keep_features == ALWAYS else MOST_FEATURE_BYTES
        yield {"keep_features": file, "most_feature_bytes": limit}


def segment(
    inferencer: CLIPVISInferencer, source: FrameSource, stopped: threading.Event, **kept: Any
) -> SegmentationResult:
    """The result of a video or an image; with Ctrl-C, which sets `stopped`, that of the frames so far.

    `kept` is what `kept_features` says.
    """
    if not inferencer.takes_videos:
        return inferencer(source, keep_features=kept.get("keep_features", False))
    stream = inferencer.stream(source, progress=True, **kept)
    with first_interrupt(stopped):
        for _ in stream:
            if stopped.is_set():
                break
    stream.close()
    return stream.result()


@contextmanager
def full_disk_in_a_line() -> Iterator[None]:
    """What else is written, temporary files too, says in a line that it cannot be."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
            raise
        where = error.filename or f"the output or the temporary folder ({tempfile.gettempdir()})"
        raise InputError(f"{where} cannot be written ({error.strerror}); make room, or set TMPDIR") from None


def build_inferencer(args: argparse.Namespace, vocabulary: Vocabulary, *, is_image: bool) -> CLIPVISInferencer:
    """The model that the command line asks for."""
    config, checkpoint = choose_model(args.model, args.config, args.checkpoint, is_image=is_image)
    names = ("device", "dtype", "compile", "short_side", "topk", "num_memory", "num_match")
    options = {name: getattr(args, name) for name in names} | {"contrast": contrast_choice(args)}
    return CLIPVISInferencer(config, checkpoint, vocabulary=vocabulary, **options)


def contrast_choice(args: argparse.Namespace) -> str:
    """The contrast words that are asked for; by default, the benchmarks' lists are compared as published."""
    if args.contrast is not None:
        return args.contrast
    return NONE if args.vocabulary is not None else AUTO


def draw_result(drawn: DrawnTracks, source: FrameSource, folder: OutputFolder, *, is_image: bool) -> None:
    """Writes the overlay and its contact sheet or, for an image, a picture."""
    if is_image:
        write_picture(next(overlay_frames(drawn, source)), folder.path / PICTURE)
        folder.written.append(PICTURE)
        return
    sheet = ContactSheet()
    write_overlay(drawn, source, folder.path / OVERLAY, sheet=sheet)
    write_picture(sheet.image(), folder.path / SHEET)
    folder.written += [OVERLAY, SHEET]


def write_page(
    result: SegmentationResult,
    source: FrameSource,
    folder: OutputFolder,
    *,
    score_thr: float,
    all_tracks: bool,
    complete: bool,
) -> None:
    """Writes the page of the answer, if it is not too long for one."""
    if result.num_frames > MOST_FRAMES:
        print(f"no {REPORT}: {result.num_frames} frames are more than {MOST_FRAMES}, its limit", file=sys.stderr)
        folder.remove(REPORT)
        return
    with folder.file(REPORT) as file:
        chunks = report_chunks(result, source, score_thr=score_thr, all_tracks=all_tracks, complete=complete)
        file.writelines(chunks)


def write_result(drawn: DrawnTracks, folder: OutputFolder, *, masks: bool) -> None:
    """Writes all tracks, and the masks of those that are drawn if asked for."""
    with folder.file(RESULTS) as file:
        drawn.result.write_json(file)
    if masks:
        write_index_masks(drawn, folder.path / MASKS)
        folder.written.append(MASKS)


def live_rule(args: argparse.Namespace) -> LiveRule | None:
    """When tracks start and end in frames.jsonl, if the command line says so."""
    if args.live_start is None and args.live_patience is None and not args.live_only:
        return None
    given = {"start_score": args.live_start, "patience": args.live_patience}
    try:
        return LiveRule(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError(f"--live-start, --live-patience: {error}") from None


def check_masks(args: argparse.Namespace, out_dir: Path) -> None:
    """Whether --masks can be done."""
    if args.masks and args.live_only:
        raise InputError("--masks draws what is in results.json, which --live-only does not write")
    if args.masks:
        check_replaceable(out_dir / MASKS)
