"""The video model on a synthetic clip: seconds a stage, frames a second, peak memory, error of lower precision.

Several values of `--frames`, `--classes`, `--size` or `--dtype` make a sweep: every combination is run in a process
of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import shlex
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.stage_times import timed

if TYPE_CHECKING:
    from torch import Tensor

    from clipvis_core.models import CLIPVISVideo

ROOT = Path(__file__).resolve().parents[2]
SWEPT = ("frames", "classes", "size", "dtype")
SETTINGS = (*SWEPT, "output_size", "device", "compile", "repeats", "threads")


def size(text: str) -> tuple[int, int]:
    """`360x640` to (360, 640)."""
    height, width = (int(side) for side in text.split("x"))
    return height, width


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default=str(ROOT / "configs/video/clipvis_r50_ytvis2019.py"))
    parser.add_argument("--checkpoint", help="weights; random ones cost the same time")
    parser.add_argument("--frames", type=int, nargs="+", default=[10], help="length of the clip")
    parser.add_argument("--size", type=size, nargs="+", default=[(360, 640)], metavar="HxW", help="network input")
    parser.add_argument("--output-size", type=size, default=(720, 1280), metavar="HxW")
    parser.add_argument("--classes", type=int, nargs="+", default=[40], help="number of categories, random rows")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", nargs="+", default=["float32"], choices=["float32", "bfloat16", "float16"])
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
        from benchmarks import infer_memory

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
    import torch

    torch.set_num_threads(args.threads)
    model = build(args, args.dtype, args.compile)
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
        exact = segment(build(args, "float32", compiled=False), frames, args)[1]
        difference = (exact - scores).abs()
        figures["track_score_error"] = {"mean": float(difference.mean()), "max": float(difference.max())}
    figures["settings"] = {key: getattr(args, key) for key in SETTINGS}
    figures["settings"]["config"] = Path(args.config).name
    return figures


def compare(model: CLIPVISVideo, frames: Tensor, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Seconds of what else was asked for: the published order on the same clip, an external command."""
    from benchmarks.published_clip import published_clip

    others = {}
    if args.published:
        if args.dtype != "float32" or args.compile:
            model = build(args, "float32", compiled=False)
        others["published_order"] = published_clip(model, frames, args.output_size, args.device)[1]
    if args.external:
        start = time.perf_counter()
        subprocess.run(shlex.split(args.external), check=True, stdout=subprocess.DEVNULL)
        others["external"] = {"total": time.perf_counter() - start}
    return others


def build(args: argparse.Namespace, dtype: str, compiled: bool) -> CLIPVISVideo:
    """The config's model with random words, prepared for a precision."""
    import torch

    from clipvis_core.inference import build_model
    from clipvis_core.models import Arithmetic

    model = build_model(args.config, args.checkpoint, args.device)
    set_random_words(model, args.classes)
    Arithmetic(getattr(torch, dtype), compiled).prepare(model)
    return model


def set_random_words(model: CLIPVISVideo, number: int) -> None:
    """A classifier of random unit rows, so that no text is encoded."""
    import torch

    from clipvis_core import Vocabulary
    from clipvis_core.text import VocabularyEmbedding

    rows = torch.randn((number, model.backbone.embed_dim), generator=torch.Generator().manual_seed(0))
    vocabulary = Vocabulary.from_categories(f"category {index}" for index in range(number))
    model.set_vocabulary(vocabulary)
    model._embedding = VocabularyEmbedding(
        vocabulary, torch.nn.functional.normalize(rows, dim=-1), torch.arange(number)
    ).to(rows.device)


def smooth_noise(number: int, frame_size: tuple[int, int]) -> Tensor:
    """Frames as a video would bring them, uint8 `(T, 3, H, W)`."""
    import torch
    import torch.nn.functional as F

    coarse = torch.randn(
        (number, 3, *(max(1, side // 16) for side in frame_size)), generator=torch.Generator().manual_seed(0)
    )
    frames = F.interpolate(coarse, size=frame_size, mode="bilinear").mul(50).add(115)
    return frames.clamp(0, 255).byte()


def segment(model: CLIPVISVideo, frames: Tensor, args: argparse.Namespace) -> tuple[dict[str, float], Tensor]:
    """One pass over the clip: seconds a stage, and the track scores."""

    from clipvis_core.tracking import MaskSizes, TemporalMatcher

    seconds: dict[str, float] = defaultdict(float)
    stages = {
        "backbone": (model, "extract_feat"),
        "pixel_decoder": (model.head, "decode_pixels"),
        "network": (model, "segment"),
        "classification": (model, "classify"),
        "association": (TemporalMatcher, "steps"),
    }
    with timed(stages, seconds, args.device):
        start = time.perf_counter()
        tracker = model.tracker(MaskSizes(model.padded_size(args.size), args.size, args.output_size))
        windows = (model.prepare(window.to(args.device)) for window in frames.split(model.window))
        for _ in model.track(windows, tracker):
            pass
        network_end = time.perf_counter()
        tracks = tracker.finish()
        for segments in tracks.segmentations:
            list(segments)
        end = time.perf_counter()
    seconds["query_decoder"] = seconds.pop("network") - seconds["backbone"] - seconds["pixel_decoder"]
    measured = sum(seconds.values())
    seconds["scores_and_waiting_for_masks"] = network_end - start - measured
    seconds["masks_at_the_end"] = end - network_end
    seconds["total"] = end - start
    return dict(seconds), tracker.scores.scores().cpu()


def peak_memory(device: str) -> dict[str, int]:
    """Most memory of this process so far, in MiB."""
    peak = {"peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    if device.startswith("cuda"):
        import torch

        peak["peak_device_mib"] = torch.cuda.max_memory_allocated() // 2**20
    return peak


def rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {stage: round(value, 4) for stage, value in seconds.items()}
