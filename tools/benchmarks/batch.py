"""Short clips through one batch, and through one command a clip: seconds a clip."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from clipvis_core.media import VideoWriter, open_frames

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--video", default=str(ROOT / "assets/demo.mp4"), help="what the clips are cut from")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a clip")
    parser.add_argument("--clips", type=int, default=30, help="clips of the batches")
    parser.add_argument("--single", type=int, default=3, help="clips that are done one a command")
    parser.add_argument("--workers", type=int, default=2, help="processes of the second batch")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="the rest: options of tools/infer.py")


def run(args: argparse.Namespace) -> dict:
    """One command a clip, a batch in one process, one in several, one of which all is done; each measured once."""
    options = args.options or ["--classes", "dog; grass; person"]
    with tempfile.TemporaryDirectory(prefix="clipvis-batch-") as name:
        folder = Path(name)
        frames = make_clips(args, folder / "in")
        clips = sorted((folder / "in").iterdir())
        infer([clips[0], "--out-dir", folder / "warm", *options], folder)  # words and files are in their caches
        each = [infer([clip, "--out-dir", folder / clip.stem, *options], folder) for clip in clips[: args.single]]
        many = [folder / "in", *options, "--out-dir"]
        times = {
            "one_command_a_clip": np.mean(each, axis=0),
            "batch": infer([*many, folder / "batch"], folder) / args.clips,
            "batch_workers": infer([*many, folder / "workers", "--workers", args.workers], folder) / args.clips,
            "batch_done_before": infer([*many, folder / "batch"], folder) / args.clips,
        }
    return {
        **{
            name: {
                "seconds_a_clip": round(float(wall), 3),
                "cpu_seconds_a_clip": round(float(cpu), 3),
                "times_as_fast": round(float(times["one_command_a_clip"][0] / wall), 2),
                "times_as_cheap": round(float(times["one_command_a_clip"][1] / cpu), 2),
            }
            for name, (wall, cpu) in times.items()
        },
        "settings": {"clips": args.clips, "frames": frames, "workers": args.workers, "options": options},
    }


def make_clips(args: argparse.Namespace, folder: Path) -> int:
    """Writes the clips, each from another frame on; returns the frames of each."""
    source = open_frames(args.video)
    frames = list(source)
    count = round(args.seconds * source.frame_rate)
    folder.mkdir()
    for number in range(args.clips):
        path = folder / f"clip{number:03}.mp4"
        with VideoWriter(path, Fraction(source.frame_rate), source.height, source.width) as writer:
            for frame in islice(cycle(frames), number, number + count):
                writer.write(frame)
    return count


def infer(arguments: Sequence[object], folder: Path) -> np.ndarray:
    """Seconds of a command, and of the processors."""
    command = [sys.executable, ROOT / "tools/infer.py", *arguments]
    environment = {**os.environ, "CLIPVIS_CACHE": str(folder / "cache")}
    start, before = time.perf_counter(), os.times()
    subprocess.run(list(map(str, command)), check=True, capture_output=True, env=environment)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return np.array([time.perf_counter() - start, cpu])
