"""All figures of a GPU in one command: inference and training of three models, written to the file as they come.

The most wanted measurements come first. What fails is noted with its reason, what the time does not suffice for under
`not_measured`; the run goes on. Weights are random (they cost the same time) but for photo-mini's own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import orjson
import torch

from benchmarks import gpu_attention, train
from benchmarks.gpu_models import MODELS, GpuModel, Measured, first_line, measured, precision
from benchmarks.model import ROOT, size, smooth_noise
from clipvis_core.tracking import MaskSizes

Measurement = tuple[tuple[str, ...], Callable[[], dict]]
TRAINED = {
    "R50 image": "configs/image/clipvis_r50_lvis.py",
    "R50 video": "configs/video/clipvis_r50_ytvis2019.py",
    "photo-mini image": "projects/photo_mini/configs/photo_mini_image.py",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=8.0, help="begin no measurement after this time")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--size", type=size, default=(480, 864), metavar="HxW", help="frames, and masks on disk")
    parser.add_argument("--classes", type=int, default=1196, help="categories, random rows")
    parser.add_argument("--frames", type=int, default=60, help="length of the clip that goes to disk")
    parser.add_argument("--window", type=int, default=10, help="frames at once, where windows are not compared")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "tf32", "bfloat16", "float16"])
    parser.add_argument("--batch", type=int, default=8, help="images of a training step")
    parser.add_argument("--seconds", type=float, default=1.0, help="least time a speed is measured over")


def run(args: argparse.Namespace) -> dict:
    """Takes measurement after measurement until the time is over."""
    end = time.monotonic() + 60 * args.minutes
    settings = {
        name: value for name, value in vars(args).items() if isinstance(value, int | float | str | list | tuple)
    }
    figures: dict = {"settings": settings, "not_measured": []}
    for path, measure in plan(args):
        if time.monotonic() > end:
            figures["not_measured"].append(" / ".join(path))
            continue
        *groups, name = path
        place = figures
        for group in groups:
            place = place.setdefault(group, {})
        try:
            place[name] = measure()
        except Exception as error:  # whatever it is: the others are still wanted
            place[name] = {"failed": first_line(error)}
        args.save(figures)
    return figures


def plan(args: argparse.Namespace) -> Iterator[Measurement]:
    """The measurements in order of worth: where they stand in the figures, and how they are made."""
    models = {name: GpuModel(name, args) for name in args.models}
    for name, model in models.items():
        for dtype in args.dtypes:
            yield ("frames_per_second", name, "eager", dtype), partial(network_speed, model, args, dtype, args.window)
    for name, model in models.items():
        for dtype in args.dtypes:
            yield ("to_disk", name, dtype), partial(disk_speed, model, args, dtype)
    for dtype in args.dtypes:
        yield ("attention_milliseconds", dtype), partial(gpu_attention.run, args, dtype)
    for name, model in models.items():
        for dtype in args.dtypes:
            graphs = partial(network_speed, model, args, dtype, args.window, graph=True)
            yield ("frames_per_second", name, "cuda_graph", dtype), graphs
    for name, model in models.items():
        for window in args.windows:
            yield ("windows", name, str(window)), partial(network_speed, model, args, args.dtypes[-1], window)
            graphs = partial(network_speed, model, args, args.dtypes[-1], window, graph=True)
            yield ("windows", name, f"{window}, cuda_graph"), graphs
    for name in TRAINED:
        for dtype in args.dtypes:
            yield ("training", name, dtype), partial(training_speed, args, name, dtype)
    for name, model in models.items():
        for dtype in (args.dtypes[-1], args.dtypes[0]):
            compiled = partial(network_speed, model, args, dtype, args.window, compiled=True)
            yield ("frames_per_second", name, "compiled", dtype), compiled


def network_speed(
    model: GpuModel, args: argparse.Namespace, dtype: str, window: int, *, graph: bool = False, compiled: bool = False
) -> dict:
    """Frames a second through network and classification, without what comes before and after; memory."""
    frames = smooth_noise(window, args.size)
    with precision(dtype), torch.no_grad():
        network = model.prepared(dtype, compiled=compiled, graphs=graph)
        images = network.prepare(frames)
        result = speed_of(measured(partial(network.outputs, images), args), window)
        if graph and network.cuda_graphs.reasons:
            raise ValueError(network.cuda_graphs.reasons[0])
        return result


def disk_speed(model: GpuModel, args: argparse.Namespace, dtype: str) -> dict:
    """Frames a second from decoded frames to a written result file with all masks."""
    frames = smooth_noise(args.frames, args.size)
    with precision(dtype):
        network = model.prepared(dtype)
        network.window = args.window

        def to_disk() -> None:
            tracker = network.tracker(MaskSizes(network.padded_size(args.size), args.size, args.size))
            windows = (network.prepare(network.staged(window)) for window in frames.split(args.window))
            for _ in network.track(windows, tracker):
                pass
            records = [list(segments) for segments in tracker.finish().segmentations]
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "results.json").write_bytes(orjson.dumps(records))

        return speed_of(measured(to_disk, args), args.frames)


def speed_of(result: Measured, frames: int) -> dict:
    return {"frames_per_second": round(frames / result.seconds, 2), "peak_mib": result.peak_mib, "runs": result.runs}


def training_speed(args: argparse.Namespace, name: str, dtype: str) -> dict:
    """Images a second of a training step, and how many times as long the published order takes."""
    lower = "float32" if dtype == "tf32" else dtype
    small = min(args.size) < 320  # of a dry run
    given = dict(config=str(ROOT / TRAINED[name]), checkpoint=None, device=args.device, dtype=lower)
    given |= dict(batch=args.batch, size=args.size if small else (512, 512), objects=10)
    with precision(dtype):
        step = train.training_step(argparse.Namespace(**given))
        ours = measured(lambda: step(nullcontext()), args)
        found = speed_of(ours, args.batch)
        if dtype == "float32" and hasattr(step.model.backbone, "tower"):  # a CLIP model
            found["published_order_to_ours"] = round(measured(step.published, args).seconds / ours.seconds, 3)
    return found
