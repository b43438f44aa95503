"""The video model on a synthetic clip: seconds a stage, frames a second, peak memory, error of lower precision.

Several values of `--frames`, `--classes`, `--size` or `--dtype` make a sweep: every combination is run in a process
of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shlex
import subprocess
import sys
from collections import defaultdict

import torch
from torch import Tensor

from benchmarks import infer_memory
from benchmarks.model import (
    DTYPES,
    Seconds,
    add_model_arguments,
    build,
    clocked,
    peak_memory,
    rounded,
    settings_of,
    size,
    smooth_noise,
    timed,
    timed_network,
)
from benchmarks.published_clip import published_clip
from clipvis_core.models import CLIPVISVideo
from clipvis_core.tracking import MaskSizes, TemporalMatcher

SWEPT = ("frames", "classes", "size", "dtype")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser, "configs/video/clipvis_r50_ytvis2019.py", repeats=1)
    parser.add_argument("--frames", type=int, nargs="+", default=[10], help="length of the clip")
    parser.add_argument("--size", type=size, nargs="+", default=[(360, 640)], metavar="HxW", help="network input")
    parser.add_argument("--output-size", type=size, default=(720, 1280), metavar="HxW")
    parser.add_argument("--classes", type=int, nargs="+", default=[40], help="number of categories, random rows")
    parser.add_argument("--dtype", nargs="+", default=["float32"], choices=DTYPES)
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--published", action="store_true", help="also the same clip in the published order")
    parser.add_argument("--external", metavar="COMMAND", help="time this command too, and give the ratio to ours")
    parser.add_argument(
        "--memory",
        action="store_true",
        help="compare the peak memory of a generated video of 100 frames with one of 2,000 instead",
    )


def run(args: argparse.Namespace) -> dict:
    """One run, a sweep, or the memory of long videos."""
    if args.memory:
        return infer_memory.run(100, 2000, args.classes[0])
    combinations = list(itertools.product(*(getattr(args, name) for name in SWEPT)))
    if len(combinations) > 1:
        return {"runs": [run_apart(dict(zip(SWEPT, values, strict=True))) for values in combinations]}
    for name, value in zip(SWEPT, combinations[0], strict=True):
        setattr(args, name, value)
    return run_one(args)


def run_apart(swept: dict) -> dict:
    """One combination of a sweep, with the other arguments of this command, in another process."""
    command = [sys.executable, *sys.argv]
    for name, value in swept.items():
        command += [f"--{name}", "x".join(map(str, value)) if name == "size" else str(value)]
    print(" ".join(command[1:]), file=sys.stderr, flush=True)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output)["figures"]


def run_one(args: argparse.Namespace) -> dict:
    """Best of `--repeats` runs, by stage; the published order and the external command in turn with them."""
    torch.set_num_threads(args.threads)
    model = build(args, args.classes, args.dtype, args.compile)
    frames = smooth_noise(args.frames, args.size)
    segment(model, frames[: model.window], args)  # compiles, folds, fills the caches
    timing, scores = segment(model, frames, args)
    peak = peak_memory(args.device)
    rounds = [compare(model, frames, args)]
    for _ in range(args.repeats - 1):
        timing = min(timing, segment(model, frames, args)[0], key=lambda run: run["total"])
        rounds.append(compare(model, frames, args))
    figures = {"seconds": rounded(timing), "frames_per_second": round(args.frames / timing["total"], 4), **peak}
    for name in rounds[0]:
        least = min((others[name] for others in rounds), key=lambda run: run["total"])
        figures[f"{name}_seconds"] = rounded(least)
        figures[f"{name}_to_ours"] = round(least["total"] / timing["total"], 3)
    if args.dtype != "float32" or args.compile:
        difference = (segment(build(args, args.classes), frames, args)[1] - scores).abs()
        figures["track_score_error"] = {"mean": float(difference.mean()), "max": float(difference.max())}
    return figures | {"settings": settings_of(args, *SWEPT, "output_size", "compile")}


def compare(model: CLIPVISVideo, frames: Tensor, args: argparse.Namespace) -> dict[str, Seconds]:
    """Seconds of what else was asked for: the published order on the same clip, an external command."""
    others = {}
    if args.published:
        exact = args.dtype == "float32" and not args.compile
        exact_model = model if exact else build(args, args.classes)
        others["published_order"] = published_clip(exact_model, frames, args.output_size, args.device)[1]
    if args.external:
        others["external"] = defaultdict(float)
        with clocked(others["external"], "total"):
            subprocess.run(shlex.split(args.external), check=True, stdout=subprocess.DEVNULL)
    return others


def segment(model: CLIPVISVideo, frames: Tensor, args: argparse.Namespace) -> tuple[Seconds, Tensor]:
    """One pass over the clip: seconds a stage, and the track scores."""
    seconds: Seconds = defaultdict(float)
    association = {"cosines": (TemporalMatcher, "cosines"), "association": (TemporalMatcher, "permutations")}
    with clocked(seconds, "total"):
        tracker = model.tracker(MaskSizes(model.padded_size(args.size), args.size, args.output_size))
        windows = (model.prepare(window.to(args.device)) for window in frames.split(model.window))
        with (
            timed_network(model, seconds, args.device),
            timed(association, seconds, args.device),
            clocked(seconds, "frames"),
        ):
            for _ in model.track(windows, tracker):
                pass
        in_all = seconds.pop("frames")
        seconds["scores_and_waiting_for_masks"] = in_all - sum(seconds.values())
        with clocked(seconds, "masks_at_the_end"):
            for segments in tracker.finish().segmentations:
                list(segments)
    return dict(seconds), tracker.scores.scores().cpu()
