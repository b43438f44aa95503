"""Segment, track and name everything a list of words asks for in a video, a folder of frames or an image, or in many.

Written to the output folder: results.json (all tracks, as a YouTube-VIS result list), vocabulary.json, overlay.mp4 (the
tracks drawn on the frames), contact_sheet.png (some of these side by side; for an image overlay.png) and report.html (a
page to look through them); with --stream, and for input that comes once (`-`, a pipe, a camera; without a page), also
frames.jsonl: each frame's tracks as soon as they are known.
Several inputs have a folder each below the output folder, with summary.csv and failures.csv beside them; the same
command again skips what is done. Exit code 3: some of them failed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

DTYPES = ("float32", "bfloat16", "float16")
AUTO, ALWAYS, NEVER = "auto", "always", "never"


def parse_args(
    arguments: Sequence[str] | None = None, *, prog: str | None = None, epilog: str = ""
) -> argparse.Namespace:
    """Options of the command; `arguments` are by default those of this process."""
    parser = argparse.ArgumentParser(
        prog, description=__doc__, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="a video file, a folder of frames, or an image; `-` (a video on standard input), a pipe or a camera "
        "(0 or /dev/video0). Several of the files and folders; a folder of videos; a quoted glob",
    )
    add_model_arguments(parser)
    add_word_arguments(parser)
    parser.add_argument(
        "--out-dir", help="folder for the results (default: outputs/NAME OF INPUT; outputs for several inputs)"
    )
    add_network_arguments(parser)
    add_drawing_arguments(parser)
    add_output_arguments(parser)
    add_cut_arguments(parser)
    add_batch_arguments(parser)
    add_live_arguments(parser)
    return parser.parse_args(arguments)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which network it is."""
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--model",
        metavar="NAME",
        help="a model by name (`clipvis models` lists them), or hf://owner/name; default: photo-mini",
    )
    weights.add_argument("--checkpoint", metavar="FILE", help="a released .pth or weights of ours")
    parser.add_argument(
        "--config",
        help="model config, a file or a name such as video/clipvis_r50_lvis; default: the one that fits the weights. "
        "Without weights they are random",
    )


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """How the network and the matching run."""
    parser.add_argument("--short-side", type=int, help="resize frames to this shorter side (default: the config's)")
    parser.add_argument("--topk", type=int, help="most (track, category) pairs (default: the config's)")
    parser.add_argument(
        "--num-memory", type=int, help="frames the matching remembers, 0 for none (default: the config's)"
    )
    parser.add_argument("--num-match", type=int, help="memories the matching combines (default: the config's)")
    parser.add_argument(
        "--window", type=int, help="frames the network sees at once; fewer take less memory (default: GPU 10, CPU 1)"
    )
    parser.add_argument(
        "--reuse-within",
        type=float,
        metavar="D",
        help="on a CPU: a frame gets the masks of the last one that went through the network if no block of 16x16 "
        "pixels differs by more than D grey levels, such as 4; 0 for frames that are the same (default: none does)",
    )
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument("--dtype", default="float32", choices=DTYPES, help="of the heavy parts (default: float32)")
    parser.add_argument("--compile", action="store_true", help="compile the network first; pays off on long videos")
    parser.add_argument(
        "--cuda-graphs", action="store_true", help="on a GPU, start the network of each window by one launch"
    )


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """What is taken and written besides."""
    parser.add_argument(
        "--keep-features",
        default=AUTO,
        choices=(AUTO, ALWAYS, NEVER),
        help="write features.bin, of which `clipvis ask` asks other words without the network (default: auto, as long "
        "as it has under 2 GiB)",
    )
    parser.add_argument(
        "--masks",
        action="store_true",
        help="also write masks/, a PNG a frame whose pixels are the numbers of the tracks in results.json, 0 for none",
    )
    parser.add_argument(
        "--export",
        metavar="KIND[,KIND]",
        help="also write the drawn tracks as coco, ytvis, csv, ... to exports/, as `clipvis export` does",
    )
    parser.add_argument("--allow-truncated", action="store_true", help="take what a broken video yields")


def add_cut_arguments(parser: argparse.ArgumentParser) -> None:
    """Which part of a video is taken."""
    cut = parser.add_argument_group("a part of a video", "frames keep the numbers and times of the source")
    cut.add_argument("--start", metavar="TIME", help="from here on: seconds, or HH:MM:SS with a fraction")
    cut.add_argument("--end", metavar="TIME", help="up to here")
    thinning = cut.add_mutually_exclusive_group()
    thinning.add_argument("--stride", type=int, metavar="N", help="every N-th frame")
    thinning.add_argument("--fps", type=float, metavar="F", help="at most F frames a second")


def add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    """Many inputs."""
    many = parser.add_argument_group("many inputs", "each has a folder below --out-dir")
    many.add_argument(
        "--list", metavar="FILE", help="file with an input a line; blank lines and # comments are left out"
    )
    many.add_argument("--recursive", action="store_true", help="search folders for videos and folders of frames")
    many.add_argument("--shard", metavar="I/N", help="take every N-th input, from the I-th on (1/N to N/N)")
    many.add_argument("--workers", type=int, metavar="N", help="processes, each with a GPU or a share of the cores")
    many.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="work in actors of Ray, on this machine or the cluster at ADDRESS (auto, HOST:PORT, ray://HOST:PORT)",
    )


def add_word_arguments(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """What is looked for; returns the group of which one is given."""
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
    return words


def add_drawing_arguments(parser: argparse.ArgumentParser) -> None:
    """What is drawn and printed."""
    parser.add_argument(
        "--score-thr",
        type=float,
        help="least score that is drawn and printed (default: what suits the weights, see docs/inference.md, or 0.3)",
    )
    parser.add_argument(
        "--all-tracks", action="store_true", help="also show duplicates, parts of a thing, and tracks that flicker"
    )
    parser.add_argument("--no-video", action="store_true", help="write no overlay and no page")
    parser.add_argument("--no-report", action="store_true", help="write no page (report.html) with video and masks")


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
        help="end such a track after N frames below S (default: 30)",
    )
    live.add_argument(
        "--live-only",
        action="store_true",
        help="keep nothing of past frames and write no results.json, for streams without an end; tracks start and end",
    )
