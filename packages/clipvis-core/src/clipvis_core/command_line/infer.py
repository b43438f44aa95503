"""Segment, track and name everything a list of words asks for in a video, a folder of frames or an image.

Written to the output folder: results.json (all tracks, as a YouTube-VIS result list), vocabulary.json, overlay.mp4 (the
tracks drawn on the frames) and contact_sheet.png (some of these side by side; for an image overlay.png); with --stream,
and for input that comes once (`-`, a pipe, a camera), also frames.jsonl: each frame's tracks as soon as they are known.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.foundation.whole_file import whole_file
from clipvis_core.inference.index_masks import check_replaceable, write_index_masks
from clipvis_core.inference.inferencer import DTYPES, CLIPVISInferencer
from clipvis_core.inference.model_choice import choose_model
from clipvis_core.inference.overlay import overlay_frames, write_overlay
from clipvis_core.inference.result import DrawnTracks
from clipvis_core.inference.stream_writer import OVERLAY, SHEET, write_picture, write_stream
from clipvis_core.media import ContactSheet, FrameSource, open_frames
from clipvis_core.tracking import LiveRule

MASKS, PICTURE, RESULTS, WORDS = "masks", "overlay.png", "results.json", "vocabulary.json"
TABLE_ROWS = 30


def main(arguments: Sequence[str] | None = None, *, named_words: Callable[[str], Vocabulary] | None = None) -> None:
    """The command.

    Args:
        arguments: Words of the command line; by default those of this process.
        named_words: Reads what --vocabulary names.

    Raises:
        InputError: Something the user gave cannot be used.
    """
    args = parse_args(arguments)
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    live = live_rule(args)
    vocabulary = read_words(args, named_words)
    source = open_frames(args.input, allow_truncated=args.allow_truncated)
    out_dir = Path(args.out_dir) if args.out_dir else Path("outputs") / source.name
    check_writable(out_dir)
    check_masks(args, out_dir)
    streaming = args.stream or live is not None or source.live
    inferencer = build_inferencer(args, vocabulary, is_image=source.num_frames == 1 and not streaming)
    score_thr = inferencer.score_thr if args.score_thr is None else args.score_thr
    if streaming:
        stream = inferencer.stream(source, live=live, keep=not args.live_only, progress=True)
        out_dir.mkdir(parents=True, exist_ok=True)
        shown = dict(score_thr=score_thr, all_tracks=args.all_tracks)
        written = write_stream(stream, out_dir, draw=not args.no_video, **shown)
        drawn = None if args.live_only else stream.result().drawn(**shown)
    else:
        drawn = inferencer(source).drawn(score_thr, all_tracks=args.all_tracks)
        out_dir.mkdir(parents=True, exist_ok=True)
        written = [] if args.no_video else draw_result(drawn, source, out_dir)
    with whole_file(out_dir / WORDS) as file:
        file.write(vocabulary.to_json().encode("utf-8"))
    written.append(WORDS)
    if drawn is not None:
        written += write_result(drawn, out_dir, masks=args.masks)
        print_table(drawn, score_thr)
    print(f"wrote {', '.join(sorted(written))} to {out_dir}")


def build_inferencer(args: argparse.Namespace, vocabulary: Vocabulary, *, is_image: bool) -> CLIPVISInferencer:
    """The model that the command line asks for."""
    config, checkpoint = choose_model(args.config, args.checkpoint, is_image=is_image)
    names = ("contrast", "device", "dtype", "compile", "short_side", "topk", "num_memory", "num_match")
    options = {name: getattr(args, name) for name in names}
    if args.contrast is None:  # the benchmarks' lists are compared as published
        options["contrast"] = "none" if args.vocabulary is not None else "auto"
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


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a video file, a folder of frames, or an image; `-` (a video on standard input), a pipe or a camera "
        "(0 or /dev/video0)",
    )
    parser.add_argument("--config", help="model config; by default the one that fits the checkpoint")
    parser.add_argument(
        "--checkpoint",
        help="official .pth or one of ours; by default the small model of this repository, or random weights for a "
        "--config",
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--classes", help="categories to look for: `;` parts categories, `,` parts synonyms")
    words.add_argument("--classes-file", help="text file with one category a line")
    words.add_argument("--vocabulary", help="a benchmark's category list, such as lvvis, or a file of that form")
    parser.add_argument(
        "--contrast",
        metavar="{none,auto,FILE}",
        help="words that nobody asked for: what fits one of them better is no answer. auto is the shipped list, "
        "FILE has one category a line (default: auto; with --vocabulary none)",
    )
    parser.add_argument("--out-dir", help="folder for the results (default: outputs/NAME OF INPUT)")
    parser.add_argument("--short-side", type=int, help="resize frames to this shorter side (default: the config's)")
    parser.add_argument("--topk", type=int, help="most (track, category) pairs (default: the config's)")
    parser.add_argument(
        "--score-thr",
        type=float,
        help="least score that is drawn and printed (default: what suits the weights, see docs/inference.md, or 0.3)",
    )
    parser.add_argument(
        "--all-tracks", action="store_true", help="also show duplicates, parts of a thing, and tracks that flicker"
    )
    parser.add_argument(
        "--num-memory", type=int, help="frames the matching remembers, 0 for none (default: the config's)"
    )
    parser.add_argument("--num-match", type=int, help="memories the matching combines (default: the config's)")
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument("--dtype", default="float32", choices=list(DTYPES))
    parser.add_argument("--compile", action="store_true", help="compile the network first; pays off on long videos")
    parser.add_argument("--no-video", action="store_true", help="write no overlay")
    parser.add_argument(
        "--masks",
        action="store_true",
        help="also write masks/, a PNG a frame whose pixels are the numbers of the tracks in results.json, 0 for none",
    )
    parser.add_argument("--allow-truncated", action="store_true", help="take what a broken video yields")
    add_live_arguments(parser)
    return parser.parse_args(arguments)


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    """What concerns frames as they come."""
    live = parser.add_argument_group("frames as they come", "the last three imply --stream")
    live.add_argument(
        "--stream",
        action="store_true",
        help="write each frame's tracks at once, to frames.jsonl and the overlay; Ctrl-C ends the video",
    )
    live.add_argument(
        "--live-start",
        type=float,
        metavar="S",
        help="start a track when its score in one frame reaches S, with an id of its own (default: tracks last from "
        "the first frame to the last); results.json stays the same",
    )
    live.add_argument(
        "--live-patience",
        type=int,
        metavar="N",
        help=f"end such a track after N frames below S (default: {LiveRule.patience})",
    )
    live.add_argument(
        "--live-only",
        action="store_true",
        help="keep nothing of past frames and write no results.json, for streams without an end; tracks start and end",
    )


def live_rule(args: argparse.Namespace) -> LiveRule | None:
    """When tracks start and end in frames.jsonl, if the command line says so."""
    if args.live_start is None and args.live_patience is None and not args.live_only:
        return None
    given = {"start_score": args.live_start, "patience": args.live_patience}
    try:
        return LiveRule(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError(f"--live-start, --live-patience: {error}") from None


def read_words(args: argparse.Namespace, named_words: Callable[[str], Vocabulary] | None) -> Vocabulary:
    """The categories the command line names."""
    if args.classes is not None:
        return Vocabulary.from_text(args.classes)
    if args.classes_file is not None:
        return Vocabulary.from_file(args.classes_file)
    if args.vocabulary is None:
        raise InputError('no categories given: use --classes "dog; person", --classes-file or --vocabulary')
    if named_words is None:
        raise InputError("--vocabulary needs the package clipvis-data: install it, or use --classes-file")
    return named_words(args.vocabulary)


def check_writable(out_dir: Path) -> None:
    """Finds out before the work is done, not after, that nothing can be written."""
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


def nothing_found(drawn: DrawnTracks) -> list[str]:
    """A sentence for each category of which no track is shown, if they are few, or one for all of them."""
    result, scores = drawn.result, drawn.result.shown_scores
    missing = [label for label in range(len(result.vocabulary)) if result.vocabulary.names[label] not in drawn.labels]
    if len(missing) > TABLE_ROWS:
        return [f"{len(missing)} of the {len(result.vocabulary)} categories were not found"]
    lines = []
    for label in missing:
        best = max(scores[result.tracks.labels == label].tolist(), default=0.0)
        why = f"the best candidate scores {best:.2f}" if best > 0 else "what there is looks more like something else"
        lines.append(f"no {result.vocabulary.names[label]} was found: {why}")
    return lines


def print_table(drawn: DrawnTracks, score_thr: float) -> None:
    """Tracks on the terminal, best first."""
    from rich.console import Console
    from rich.table import Table

    lines = drawn.summary()
    for line in nothing_found(drawn):
        print(line)
    if not lines:
        return
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
