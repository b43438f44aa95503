"""Finds, masks, tracks and names objects in a video from a list of words.

    python tools/infer.py video.mp4 --checkpoint clipvis_r50_lvis.pth --classes "dog, puppy; frisbee"

Writes results.json (YouTube-VIS results, all top tracks), vocabulary.json and overlay.mp4.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

import _command
from clipvis_core import InputError, Vocabulary
from clipvis_core.checkpoints import Layout, describe_layout, model_state, read_checkpoint
from clipvis_core.inference import (
    CLIPVISInferencer,
    SegmentationResult,
    overlay_frames,
    write_overlay,
)
from clipvis_core.media import FrameSource, open_frames
from clipvis_core.whole_file import whole_file
from clipvis_data.errors import InputError as DataInputError

ROOT = Path(__file__).resolve().parents[1]
RANDOM_LAYOUT = Layout("RN50", 9)
CONFIG_NAMES = {"RN50": "r50", "ConvNeXt-B": "convnext-b"}
TABLE_ROWS = 30


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "input", metavar="INPUT", help="a video file, a folder of frames, or an image"
    )
    parser.add_argument(
        "--config", help="model config; by default the one that fits the checkpoint"
    )
    parser.add_argument(
        "--checkpoint", help="official .pth or one of ours; without it the weights are random"
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument(
        "--classes", help="categories to look for: `;` parts categories, `,` parts synonyms"
    )
    words.add_argument("--classes-file", help="text file with one category a line")
    words.add_argument(
        "--vocabulary", help="a benchmark's category list, such as lvvis, or a file of that form"
    )
    parser.add_argument("--out-dir", help="folder for the results (default: outputs/NAME OF INPUT)")
    parser.add_argument(
        "--short-side", type=int, help="resize frames to this shorter side (default: the config's)"
    )
    parser.add_argument(
        "--topk", type=int, help="most (track, category) pairs (default: the config's)"
    )
    parser.add_argument(
        "--score-thr", type=float, default=0.3, help="least score that is drawn and printed"
    )
    parser.add_argument(
        "--num-memory", type=int, help="frames the matching remembers (default: the config's)"
    )
    parser.add_argument(
        "--num-match", type=int, help="memories the matching combines (default: the config's)"
    )
    parser.add_argument("--device", help="cpu or cuda (default: a GPU if there is one)")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--no-video", action="store_true", help="write no overlay")
    parser.add_argument(
        "--allow-truncated", action="store_true", help="take what a broken video yields"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    vocabulary = read_vocabulary(args)
    source = open_frames(args.input, allow_truncated=args.allow_truncated)
    out_dir = Path(args.out_dir) if args.out_dir else Path("outputs") / source.name
    check_writable(out_dir)
    config = args.config or fitting_config(args.checkpoint, is_image=source.num_frames == 1)
    if args.checkpoint is None:
        print(
            "no checkpoint given: the weights are random, so masks and names mean nothing",
            file=sys.stderr,
        )
    inferencer = CLIPVISInferencer(
        config,
        args.checkpoint,
        vocabulary=vocabulary,
        device=args.device,
        dtype=args.dtype,
        short_side=args.short_side,
        topk=args.topk,
        num_memory=args.num_memory,
        num_match=args.num_match,
    )
    result = inferencer(source)
    out_dir.mkdir(parents=True, exist_ok=True)
    if not args.no_video:
        write_overlay(result, source, out_dir / "overlay.mp4", score_thr=args.score_thr)
        if result.num_frames == 1:
            write_picture(result, source, out_dir / "overlay.png", args.score_thr)
    write_json(out_dir / "vocabulary.json", vocabulary.to_json())
    write_json(out_dir / "results.json", json.dumps(result.records()))
    print_table(result, args.score_thr)
    print(f"wrote {', '.join(sorted(path.name for path in out_dir.iterdir()))} to {out_dir}")


def read_vocabulary(args: argparse.Namespace) -> Vocabulary:
    """The categories the command line names."""
    if args.classes is not None:
        return Vocabulary.from_text(args.classes)
    if args.classes_file is not None:
        return Vocabulary.from_file(args.classes_file)
    if args.vocabulary is not None:
        from clipvis_data.vocabularies import load_vocabulary

        return Vocabulary.from_categories(load_vocabulary(args.vocabulary).prompts())
    raise InputError(
        'no categories given: use --classes "dog; person", --classes-file or --vocabulary'
    )


def fitting_config(checkpoint: str | None, *, is_image: bool) -> Path:
    """The config of this repository that builds what the checkpoint holds."""
    layout = RANDOM_LAYOUT
    if checkpoint is not None:
        layout = describe_layout(model_state(read_checkpoint(checkpoint), checkpoint))
        print(f"{checkpoint}: {layout}", file=sys.stderr)
    deep = layout.num_layers == RANDOM_LAYOUT.num_layers
    experiment = ("coco" if deep else "lvis") if is_image else ("ytvis2019" if deep else "lvis")
    folder = "image" if is_image else "video"
    return ROOT / "configs" / folder / f"clipvis_{CONFIG_NAMES[layout.family]}_{experiment}.py"


def check_writable(out_dir: Path) -> None:
    """Finds out before the work is done, not after, that nothing can be written."""
    existing = next(path for path in (out_dir, *out_dir.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise InputError(f"{existing} is a file: choose another --out-dir")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write in {existing}: choose another --out-dir")


def write_json(path: Path, text: str) -> None:
    """Writes a JSON text, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))


def write_picture(
    result: SegmentationResult, source: FrameSource, path: Path, score_thr: float
) -> None:
    """An image's overlay as a picture too."""
    from PIL import Image

    picture = Image.fromarray(next(overlay_frames(result, source, score_thr=score_thr)))
    with whole_file(path) as file:
        picture.save(file, format="PNG")


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
        table.add_row(
            str(line.track), line.label, f"{line.score:.3f}", str(line.first), str(line.last)
        )
    console = Console()
    console.print(title, soft_wrap=True)
    console.print(table)
    if len(lines) > TABLE_ROWS:
        console.print(f"... and {len(lines) - TABLE_ROWS} more in results.json")


if __name__ == "__main__":
    _command.run(main, InputError, DataInputError)
