"""Draws the pictures of docs/method.md: `python tools/draw_method.py docs/images`."""

from __future__ import annotations

import argparse
from pathlib import Path

import _command
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs/video/clipvis_r50_lvis.py"
VIDEO = ROOT / "assets/street.mp4"
WORDS = ["car", "person", "dog", "bicycle", "traffic light"]
#: Tracks whose scores are drawn, the car first; and a frame with three tracks that are matched to its queries.
TRACKS = [15, 27, 9]
FRAME, MATCHED = 19, [15, 30, 44]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    args = parser.parse_args()
    if not args.folder.is_dir():
        raise InputError(f"{args.folder} is no folder: make it first")
    draw(args.folder)


def draw(folder: Path) -> None:
    """Writes the pictures into a folder."""
    from drawings.classification import draw_classification  # imports torch: after the arguments
    from drawings.matching import draw_matching
    from drawings.network import draw_network
    from drawings.recording import record
    from drawings.streaming import draw_streaming

    recording = record(str(VIDEO), WORDS)
    pictures = {
        "network": draw_network(CONFIG),
        "classification": draw_classification(recording),
        "matching": draw_matching(recording, FRAME, MATCHED),
        "streaming": draw_streaming(recording, TRACKS),
    }
    for name, svg in pictures.items():
        write_whole(svg.encode(), folder / f"{name}.svg")


if __name__ == "__main__":
    _command.run(main, InputError)
