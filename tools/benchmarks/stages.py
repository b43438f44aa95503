"""One frame through the network, stage by stage: ours in several precisions beside the published order, in turn."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.infer import set_random_words
from benchmarks.published_form import published_form
from benchmarks.stage_times import timed

if TYPE_CHECKING:
    from torch import Tensor

    from clipvis_core.models import CLIPVISModel
    from clipvis_core.models.query_decoder import QueryPrediction

ROOT = Path(__file__).resolve().parents[2]
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SETTINGS = ("size", "batch", "classes", "dtypes", "compile", "threads", "repeats", "clock", "device")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default=str(ROOT / "configs/video/clipvis_r50_ytvis2019.py"))
    parser.add_argument("--checkpoint", help="weights; random ones cost the same time")
    parser.add_argument("--size", type=int, nargs=2, default=(360, 640), metavar=("H", "W"), help="network input")
    parser.add_argument("--batch", type=int, default=1, help="frames at once")
    parser.add_argument("--classes", type=int, default=40, help="number of categories, random rows")
    parser.add_argument(
        "--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16", "float16"]
    )
    parser.add_argument("--compile", action="store_true", help="also with torch.compile")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5, help="rounds, all forms in turn")
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS), help="cpu: processor time of this process")
    parser.add_argument("--device", default="cpu")


class Form(NamedTuple):
    """A way to compute: a model prepared for it, and a context to call the model in."""

    model: CLIPVISModel
    context: Callable[[], AbstractContextManager]


def run(args: argparse.Namespace) -> dict:
    """Least time of each stage and form, ratios to the published order, differences from our float32."""
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    forms = build_forms(args)
    images = padded_noise(args)
    results = {name: run_frame(form, images, args)[1] for name, form in forms.items()}  # warm-up
    rounds = defaultdict(list)
    for _ in range(args.repeats):
        for name, form in forms.items():
            rounds[name].append(run_frame(form, images, args)[0])
    seconds = {name: {stage: min(times[stage] for times in runs) for stage in runs[0]} for name, runs in rounds.items()}
    exact = results.get("float32", results["published_order"])
    return {
        "seconds": {
            name: {stage: round(value, 4) for stage, value in stages.items()} for name, stages in seconds.items()
        },
        "published_order_to_ours": {
            name: {stage: round(seconds["published_order"][stage] / value, 2) for stage, value in stages.items()}
            for name, stages in seconds.items()
            if name != "published_order"
        },
        "difference_from_float32": {
            name: differences(result, exact) for name, result in results.items() if result is not exact
        },
        "settings": {key: getattr(args, key) for key in SETTINGS}
        | {"config": Path(args.config).name, "checkpoint": args.checkpoint is not None},
    }


def build_forms(args: argparse.Namespace) -> dict[str, Form]:
    """The published order, and ours for each precision, compiled as well if asked; all with the same weights."""
    import torch

    from clipvis_core.models.arithmetic import Arithmetic

    model = build(args)
    forms = {"published_order": Form(model, lambda: published_form(model))}
    for compiled in (False, True) if args.compile else (False,):
        for dtype in args.dtypes:
            arithmetic = Arithmetic(dtype=getattr(torch, dtype), compile=compiled)
            prepared = build(args)
            arithmetic.prepare(prepared)
            forms[dtype + "_compiled" * compiled] = Form(prepared, lambda how=arithmetic: how.running(args.device))
    return forms


def build(args: argparse.Namespace) -> CLIPVISModel:
    """The config's model with random words."""
    from clipvis_core.inference import build_model

    model = build_model(args.config, args.checkpoint, args.device)
    set_random_words(model, args.classes)
    return model


def padded_noise(args: argparse.Namespace) -> Tensor:
    """Normalised frames of smooth noise, padded to a multiple of 32."""
    import torch
    import torch.nn.functional as F

    height, width = args.size
    coarse = torch.randn((args.batch, 3, max(1, height // 16), max(1, width // 16)))
    frames = F.interpolate(coarse, size=(height, width), mode="bilinear")
    return F.pad(frames, (0, -width % 32, 0, -height % 32)).to(args.device)


def run_frame(form: Form, images: Tensor, args: argparse.Namespace) -> tuple[dict[str, float], QueryPrediction]:
    """Time of each stage, and the prediction."""
    import torch

    model, clock = form.model, CLOCKS[args.clock]
    seconds: dict[str, float] = defaultdict(float)
    stages = {
        "backbone": (model, "extract_feat"),
        "pixel_decoder": (model.head, "decode_pixels"),
        "classification": (model, "classify"),
    }
    with torch.no_grad(), form.context(), timed(stages, seconds, args.device, clock):
        start = clock()
        prediction, dense = model.segment(images)
        model.classify(prediction.mask_logits, dense)
        if args.device.startswith("cuda"):
            torch.cuda.synchronize()
        total = clock() - start
    seconds["query_decoder"] = total - sum(seconds.values())
    seconds["total"] = total
    return dict(seconds), prediction


def differences(prediction: QueryPrediction, exact: QueryPrediction) -> dict[str, float]:
    """Mean and largest difference of scores, and the overlap of the masks both see."""
    objects = (prediction.object_logits.float().softmax(-1) - exact.object_logits.float().softmax(-1)).abs()
    ious = (prediction.ious.float() - exact.ious.float()).abs()
    ours, theirs = (masks.flatten(2) > 0 for masks in (prediction.mask_logits, exact.mask_logits))
    overlap = (ours & theirs).sum(-1) / (ours | theirs).sum(-1).clamp(min=1)
    overlap = overlap[theirs.any(dim=-1)]
    return {
        "object_probability_mean": float(objects.mean()),
        "object_probability_max": float(objects.max()),
        "iou_mean": float(ious.mean()),
        "iou_max": float(ious.max()),
        "mask_overlap_mean": float(overlap.mean()),
        "mask_overlap_min": float(overlap.min()),
    }
