"""The video model on a synthetic clip: seconds a stage, frames a second, peak memory, error of lower precision."""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default=str(ROOT / "configs/video/clipvis_r50_ytvis2019.py"))
    parser.add_argument("--checkpoint", help="weights; random ones cost the same time")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument(
        "--size", type=int, nargs=2, default=(360, 640), metavar=("H", "W"), help="network input"
    )
    parser.add_argument("--output-size", type=int, nargs=2, default=(720, 1280), metavar=("H", "W"))
    parser.add_argument("--classes", type=int, default=40, help="number of categories, random rows")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument(
        "--memory",
        action="store_true",
        help="compare the peak memory of a generated video of 100 frames with one of 2,000 instead",
    )


def run(args: argparse.Namespace) -> dict:
    """Best of `--repeats` runs, by stage; or the memory of long videos."""
    if args.memory:
        from . import infer_memory

        return infer_memory.run(100, 2000, args.classes)
    import torch

    from clipvis_core.inference import build_model

    model = build_model(args.config, args.checkpoint, args.device)
    set_random_words(model, args.classes)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(
        (args.frames, 3, *(max(1, side // 16) for side in args.size)), generator=generator
    )
    frames = (
        torch.nn.functional.interpolate(coarse, size=tuple(args.size), mode="bilinear")
        .mul(50)
        .add(115)
    )

    runs = [segment(model, frames, args) for _ in range(args.repeats)]
    best = min((timing for timing, _ in runs), key=lambda timing: timing["total"])
    figures = {
        "seconds": {stage: round(seconds, 4) for stage, seconds in best.items()},
        "frames_per_second": round(args.frames / best["total"], 4),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "settings": {
            key: getattr(args, key)
            for key in (
                "config",
                "frames",
                "size",
                "output_size",
                "classes",
                "device",
                "dtype",
                "repeats",
            )
        },
    }
    figures["settings"]["config"] = Path(args.config).name
    if args.device.startswith("cuda"):
        figures["peak_device_mib"] = torch.cuda.max_memory_allocated() // 2**20
    if args.dtype != "float32":
        figures["error_to_float32"] = precision_error(model, frames, args, runs[0][1])
    return figures


def set_random_words(model: object, number: int) -> None:
    """A classifier of random unit rows, so that no text is encoded."""
    import torch

    from clipvis_core import Vocabulary
    from clipvis_core.text import VocabularyEmbedding

    rows = torch.randn(
        (number, model.backbone.embed_dim), generator=torch.Generator().manual_seed(0)
    )
    vocabulary = Vocabulary.from_categories(f"category {index}" for index in range(number))
    model.set_vocabulary(vocabulary)
    model._embedding = VocabularyEmbedding(
        vocabulary, torch.nn.functional.normalize(rows, dim=-1), torch.arange(number)
    ).to(rows.device)


def segment(
    model: object, frames: object, args: argparse.Namespace
) -> tuple[dict[str, float], object]:
    """One pass over the clip: seconds a stage, and the track scores."""
    import torch

    from clipvis_core import TemporalMatcher

    dtype = getattr(torch, args.dtype)
    seconds: dict[str, float] = defaultdict(float)
    stages = {
        "backbone": (model, "extract_feat"),
        "pixel_decoder": (model.head, "decode_pixels"),
        "network_rest": (model, "segment"),
        "classification": (model, "classify"),
        "association": (TemporalMatcher, "steps"),
    }
    autocast = torch.autocast(
        args.device.split(":")[0], dtype=dtype, enabled=dtype != torch.float32
    )
    with torch.no_grad(), autocast, timed(stages, seconds, args.device):
        start = time.perf_counter()
        session = model.start_video(tuple(args.size), tuple(args.output_size))
        for window in frames.split(model.window):
            session.add(model.prepare(window))
        network_end = time.perf_counter()
        tracks = session.finish()
        for segments in tracks.segmentations:
            list(segments)
        end = time.perf_counter()
    seconds["query_decoder"] = (
        seconds.pop("network_rest") - seconds["backbone"] - seconds["pixel_decoder"]
    )
    measured = sum(seconds.values())
    seconds["scores_and_waiting_for_masks"] = network_end - start - measured
    seconds["masks_at_the_end"] = end - network_end
    seconds["total"] = end - start
    return dict(seconds), session.tracker.scores.scores().cpu()


@contextmanager
def timed(
    stages: dict[str, tuple[object, str]], seconds: dict[str, float], device: str
) -> Iterator[None]:
    """Adds the time spent in each method to `seconds` while the context lasts."""
    import torch

    def wrap(stage: str, method: object) -> object:
        def call(*args: object, **kwargs: object) -> object:
            start = time.perf_counter()
            result = method(*args, **kwargs)
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            seconds[stage] += time.perf_counter() - start
            return result

        return call

    originals = {stage: vars(owner).get(name) for stage, (owner, name) in stages.items()}
    for stage, (owner, name) in stages.items():
        setattr(owner, name, wrap(stage, getattr(owner, name)))
    try:
        yield
    finally:
        for stage, (owner, name) in stages.items():
            if originals[stage] is None:  # a method of the object's class shows again
                delattr(owner, name)
            else:
                setattr(owner, name, originals[stage])


def precision_error(
    model: object, frames: object, args: argparse.Namespace, scores: object
) -> dict[str, float]:
    """Difference of the track scores from those of float32."""
    exact_args = argparse.Namespace(**{**vars(args), "dtype": "float32"})
    difference = (segment(model, frames, exact_args)[1] - scores).abs()
    return {
        "track_score_mean": float(difference.mean()),
        "track_score_max": float(difference.max()),
    }
