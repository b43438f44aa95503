"""One frame through the network, stage by stage: ours in several precisions beside the published order, in turn."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.model import (
    DTYPES,
    Clock,
    Seconds,
    add_model_arguments,
    build,
    clocked,
    rounded,
    settings_of,
    size,
    smooth_noise,
    timed_network,
)
from benchmarks.published_form import published_form
from clipvis_core.models import CLIPVISVideo
from clipvis_core.models.query_decoder import QueryPrediction

_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention
#: How operations are counted; PyTorch's own list lacks attention on a CPU, which has the same arguments.
_COUNTED = {**flop_registry, torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[_ATTENTION]}
_PRODUCT_SIDE = 1536
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser, "configs/video/clipvis_r50_ytvis2019.py", repeats=5)
    parser.add_argument("--size", type=size, default=(360, 640), metavar="HxW", help="network input")
    parser.add_argument("--batch", type=int, default=1, help="frames at once")
    parser.add_argument("--classes", type=int, default=40, help="number of categories, random rows")
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"], choices=DTYPES)
    parser.add_argument("--compile", action="store_true", help="also with torch.compile")
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS), help="cpu: processor time of this process")


class Form(NamedTuple):
    """A way to compute: a model prepared for it, and a context to call the model in."""

    model: CLIPVISVideo
    context: Callable[[], AbstractContextManager]


def run(args: argparse.Namespace) -> dict:
    """Least time of each stage and form, ratios to the published order, differences from our float32."""
    torch.set_num_threads(args.threads)
    forms = build_forms(args)
    frames = smooth_noise(args.batch, args.size)
    results = {name: run_frame(form, frames, args)[1] for name, form in forms.items()}  # warm-up
    rounds = defaultdict(list)
    for _ in range(args.repeats):
        for name, form in forms.items():
            rounds[name].append(run_frame(form, frames, args)[0])
    seconds = {name: {stage: min(times[stage] for times in runs) for stage in runs[0]} for name, runs in rounds.items()}
    operations = operations_of(forms[args.dtype[0]], frames, args)
    published = seconds["published_order"]
    exact = results.get("float32", results["published_order"])
    return {
        "seconds": {name: rounded(stages) for name, stages in seconds.items()},
        "published_order_to_ours": {
            name: {stage: round(published[stage] / value, 2) for stage, value in stages.items()}
            for name, stages in seconds.items()
            if name != "published_order"
        },
        "share_of_peak": {
            dtype: shares_of_peak(
                operations, {name: seconds[name] for name in forms if name.startswith(dtype)}, dtype, args
            )
            for dtype in args.dtype
        },
        "difference_from_float32": {
            name: differences(result, exact) for name, result in results.items() if result is not exact
        },
        "settings": settings_of(args, "size", "batch", "classes", "dtype", "compile", "clock"),
    }


def build_forms(args: argparse.Namespace) -> dict[str, Form]:
    """The published order, and ours for each precision, compiled as well if asked; all with the same weights."""
    model = build(args, args.classes)
    forms = {"published_order": Form(model, lambda: published_form(model))}
    for compiled in (False, True) if args.compile else (False,):
        for dtype in args.dtype:
            prepared = build(args, args.classes, dtype, compiled)
            context = lambda how=prepared.arithmetic: how.running(args.device)  # noqa: E731
            forms[dtype + "_compiled" * compiled] = Form(prepared, context)
    return forms


def run_frame(
    form: Form, frames: Tensor, args: argparse.Namespace, clock: Clock | None = None
) -> tuple[Seconds, QueryPrediction]:
    """Time of each stage, by `args.clock` or another clock, and the prediction."""
    model, clock = form.model, clock or CLOCKS[args.clock]
    images = model.prepare(frames.to(args.device))
    seconds: Seconds = defaultdict(float)
    network = timed_network(model, seconds, args.device, clock)
    with torch.no_grad(), form.context(), network, clocked(seconds, "total", args.device, clock):
        prediction, dense = model.segment(images)
        model.classify(prediction.mask_logits, dense)
    return dict(seconds), prediction


def operations_of(form: Form, frames: Tensor, args: argparse.Namespace) -> Seconds:
    """Additions and multiplications of the matrix products, convolutions and attention of each stage."""
    with OperationCounter() as counter:
        return run_frame(form, frames, args, lambda: counter.total)[0]


class OperationCounter(TorchDispatchMode):
    """Counts what `_COUNTED` knows of; `FlopCounterMode` also follows modules, which fails without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: object, types: tuple, args: tuple = (), kwargs: dict | None = None) -> object:
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket in _COUNTED:
            self.total += _COUNTED[func._overloadpacket](*args, **(kwargs or {}), out_val=result)
        return result


def shares_of_peak(operations: Seconds, seconds: dict[str, Seconds], dtype: str, args: argparse.Namespace) -> dict:
    """What each stage reaches of the speed of a large matrix product on this machine, by form."""
    peak = product_speed(getattr(torch, dtype), args)
    return {
        name: {stage: round(operations[stage] / value / peak, 3) for stage, value in stages.items()}
        for name, stages in seconds.items()
    }


def product_speed(dtype: torch.dtype, args: argparse.Namespace) -> float:
    """Operations a second of a square matrix product, the best of some."""
    matrix = torch.randn((_PRODUCT_SIDE, _PRODUCT_SIDE), device=args.device, dtype=dtype)
    times = []
    for _ in range(5):
        seconds: Seconds = defaultdict(float)
        with clocked(seconds, "product", args.device, CLOCKS[args.clock]):
            matrix @ matrix
        times.append(seconds["product"])
    return 2 * _PRODUCT_SIDE**3 / min(times)


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
