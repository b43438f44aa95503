"""Finds, masks, tracks and names objects in a video from a list of words.

    python tools/infer.py video.mp4 --classes "dog, puppy; frisbee"
    python tools/infer.py video.mp4 --classes "dog, puppy; frisbee" --checkpoint clipvis_r50_lvis.pth

Without a checkpoint the small model of this repository looks at the video (weights/photo_mini.md).
Writes results.json (YouTube-VIS results, all top tracks), vocabulary.json, overlay.mp4 and contact_sheet.png, a few
of its frames in one picture; with --masks also a PNG of track numbers for each frame. With --stream, and for input
that comes once (`-`, a pipe, a camera), also frames.jsonl: each frame's tracks as soon as they are known.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

import _command
from clipvis_core import InputError, Vocabulary
from clipvis_core.checkpoints import WEIGHTS_SUFFIX, describe_layout, model_state, read_checkpoint
from clipvis_core.foundation.whole_file import whole_file
from clipvis_core.inference import (
    CLIPVISInferencer,
    FrameStream,
    LiveFrame,
    SegmentationResult,
    check_replaceable,
    draw_live,
    overlay_frames,
    write_index_masks,
    write_overlay,
)
from clipvis_core.media import ContactSheet, FrameSource, VideoStream, VideoWriter, open_frames
from clipvis_core.pipelining import Behind
from clipvis_core.tracking import LiveRule

ROOT = Path(__file__).resolve().parents[1]
DEEP = 9  # decoder layers of the released models for COCO and YouTube-VIS; those for LVIS have 6
SHIPPED_WEIGHTS = ROOT / "weights/photo_mini.safetensors"
CONFIG_NAMES = {"RN50": "r50", "ConvNeXt-B": "convnext-b"}
TABLE_ROWS = 30
FRAMES_BEHIND = 4  # frames that may wait to be written
SHEET_PICTURES = 8
MASKS = "masks"


def parse_args() -> argparse.Namespace:
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
    parser.add_argument("--out-dir", help="folder for the results (default: outputs/NAME OF INPUT)")
    parser.add_argument("--short-side", type=int, help="resize frames to this shorter side (default: the config's)")
    parser.add_argument("--topk", type=int, help="most (track, category) pairs (default: the config's)")
    parser.add_argument("--score-thr", type=float, default=0.3, help="least score that is drawn and printed")
    parser.add_argument(
        "--num-memory", type=int, help="frames the matching remembers, 0 for none (default: the config's)"
    )
    parser.add_argument("--num-match", type=int, help="memories the matching combines (default: the config's)")
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--compile", action="store_true", help="compile the network first; pays off on long videos")
    parser.add_argument("--no-video", action="store_true", help="write no overlay")
    parser.add_argument(
        "--masks",
        action="store_true",
        help="also write masks/, a PNG a frame whose pixels are the numbers of the tracks in results.json, 0 for none",
    )
    parser.add_argument("--allow-truncated", action="store_true", help="take what a broken video yields")
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
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    live = live_rule(args)
    vocabulary = read_vocabulary(args)
    source = open_frames(args.input, allow_truncated=args.allow_truncated)
    out_dir = Path(args.out_dir) if args.out_dir else Path("outputs") / source.name
    check_writable(out_dir)
    check_masks(args, out_dir)
    streaming = args.stream or live is not None or isinstance(source, VideoStream)
    is_image = source.num_frames == 1 and not streaming
    checkpoint = args.checkpoint or choose_weights(args.config)
    config = args.config or fitting_config(checkpoint, is_image=is_image)
    inferencer = CLIPVISInferencer(
        config,
        checkpoint,
        vocabulary=vocabulary,
        device=args.device,
        dtype=args.dtype,
        compile=args.compile,
        short_side=args.short_side,
        topk=args.topk,
        num_memory=args.num_memory,
        num_match=args.num_match,
    )
    if streaming:
        stream = inferencer.stream(source, live=live, keep=not args.live_only, progress=True)
        out_dir.mkdir(parents=True, exist_ok=True)
        write_stream(stream, source, out_dir, args)
        result = None if args.live_only else stream.result()
    else:
        result = inferencer(source)
        out_dir.mkdir(parents=True, exist_ok=True)
        if not args.no_video:
            sheet = ContactSheet(most=SHEET_PICTURES)
            video = out_dir / "overlay.mp4"
            write_overlay(result, source, video, score_thr=args.score_thr, sheet=sheet)
            if result.num_frames == 1:
                picture = next(overlay_frames(result, source, score_thr=args.score_thr))
                write_picture(picture, out_dir / "overlay.png")
            else:
                write_picture(sheet.image(), out_dir / "contact_sheet.png")
    with whole_file(out_dir / "vocabulary.json") as file:
        file.write(vocabulary.to_json().encode("utf-8"))
    if result is not None:
        with whole_file(out_dir / "results.json") as file:
            result.write_json(file)
        if args.masks:
            write_index_masks(result, out_dir / MASKS, score_thr=args.score_thr)
        print_table(result, args.score_thr)
    print(f"wrote {', '.join(sorted(path.name for path in out_dir.iterdir()))} to {out_dir}")


def live_rule(args: argparse.Namespace) -> LiveRule | None:
    """When tracks start and end in frames.jsonl, if the command line says so."""
    if args.live_start is None and args.live_patience is None and not args.live_only:
        return None
    given = {"start_score": args.live_start, "patience": args.live_patience}
    try:
        return LiveRule(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError(f"--live-start, --live-patience: {error}") from None


def read_vocabulary(args: argparse.Namespace) -> Vocabulary:
    """The categories the command line names."""
    if args.classes is not None:
        return Vocabulary.from_text(args.classes)
    if args.classes_file is not None:
        return Vocabulary.from_file(args.classes_file)
    if args.vocabulary is not None:
        from clipvis_data.vocabularies import load_vocabulary

        return Vocabulary.from_categories(load_vocabulary(args.vocabulary).prompts())
    raise InputError('no categories given: use --classes "dog; person", --classes-file or --vocabulary')


def choose_weights(config: str | None) -> str | None:
    """The weights where the command line names none: the shipped ones, or random ones for a config of the user's."""
    if config is None:
        print(f"no checkpoint given: {SHIPPED_WEIGHTS.name}, a small model, is used", file=sys.stderr)
        return str(SHIPPED_WEIGHTS)
    print("no checkpoint given: the weights are random, so masks and names mean nothing", file=sys.stderr)
    return None


def fitting_config(checkpoint: str, *, is_image: bool) -> Path:
    """The config of this repository that builds what the checkpoint holds: the one it names, or by its layout."""
    content = read_checkpoint(checkpoint)
    if Path(checkpoint).suffix == WEIGHTS_SUFFIX:
        named = content["meta"].get("image_config" if is_image else "config")
        if named is not None:
            return own_config(named, checkpoint)
    layout = describe_layout(model_state(content, checkpoint))
    print(f"{checkpoint}: {layout}", file=sys.stderr)
    if layout.family not in CONFIG_NAMES:
        raise InputError(f"{checkpoint} holds {layout}: say with --config which")
    deep = layout.num_layers == DEEP
    experiment = ("coco" if deep else "lvis") if is_image else ("ytvis2019" if deep else "lvis")
    folder = "image" if is_image else "video"
    return ROOT / "configs" / folder / f"clipvis_{CONFIG_NAMES[layout.family]}_{experiment}.py"


def own_config(name: str, checkpoint: str) -> Path:
    """A config that a file of weights names. A config is a program: only those of this repository are run.

    Raises:
        InputError: It is none of them.
    """
    path = (ROOT / name).resolve()
    if not path.is_relative_to(ROOT / "configs") or not path.is_file():
        raise InputError(f"{checkpoint} names the config {name}, which is not here: give --config")
    return path


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


def write_stream(stream: FrameStream, source: FrameSource, out_dir: Path, args: argparse.Namespace) -> None:
    """Writes each frame's tracks as they come, until the source ends or somebody presses Ctrl-C."""
    overlay = VideoWriter(out_dir / "overlay.mp4", source.frame_rate, source.height, source.width)
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context((out_dir / "frames.jsonl").open("w", encoding="utf-8"))
        writer = None if args.no_video else stack.enter_context(overlay)
        stopped = stack.enter_context(first_interrupt())
        behind = Behind(depth=FRAMES_BEHIND)
        sheet = ContactSheet(most=SHEET_PICTURES)
        frame = None
        for frame in stream:
            behind.submit(write_frame, frame, lines, writer, sheet, args.score_thr)
            if stopped.is_set():
                break
        stream.close()
        behind.wait()
    if writer is not None and frame is not None:
        write_picture(sheet.image(), out_dir / "contact_sheet.png")


def write_frame(
    frame: LiveFrame, lines: TextIO, overlay: VideoWriter | None, sheet: ContactSheet, score_thr: float
) -> None:
    """One line of frames.jsonl, one frame of the overlay, perhaps one picture of the contact sheet."""
    tracks = [vars(track) for track in frame.tracks(score_thr)]
    print(json.dumps({"frame": frame.index, "tracks": tracks}), file=lines, flush=True)
    if overlay is not None:
        drawn = draw_live(frame, score_thr=score_thr)
        overlay.write(drawn)
        sheet.add(drawn)


@contextlib.contextmanager
def first_interrupt() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event; the next one, as for a source that sends nothing, leaves the program."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def write_picture(picture: np.ndarray, path: Path) -> None:
    """An RGB picture as PNG."""
    from PIL import Image

    with whole_file(path) as file:
        Image.fromarray(picture).save(file, format="PNG")


def print_table(result: SegmentationResult, score_thr: float) -> None:
    """Tracks on the terminal, best first."""
    from rich.console import Console
    from rich.table import Table

    lines = result.summary(score_thr)
    title = f"{result.name}: {len(lines)} tracks with score >= {score_thr:g} in {result.num_frames} frames"
    table = Table()
    for column in ("track", "label", "score", "first", "last"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for line in lines[:TABLE_ROWS]:
        table.add_row(str(line.track), line.label, f"{line.score:.3f}", str(line.first), str(line.last))
    console = Console()
    console.print(title, soft_wrap=True)
    console.print(table)
    if len(lines) > TABLE_ROWS:
        console.print(f"... and {len(lines) - TABLE_ROWS} more in results.json")


if __name__ == "__main__":
    _command.run(main, InputError)
