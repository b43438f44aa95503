"""One training iteration on a synthetic picture: seconds a stage, peak memory, ratio to the published order."""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext

import torch
from mmengine.optim import build_optim_wrapper
from torch import Tensor

import clipvis_train.hooks  # noqa: F401 - registers the optimizer's constructor
from benchmarks.model import (
    DTYPES,
    Seconds,
    add_model_arguments,
    clocked,
    peak_memory,
    rounded,
    settings_of,
    size,
    timed,
)
from benchmarks.published_form import published_form
from clipvis_core.inference.building import build_model, read_config
from clipvis_core.models.base import CLIPVISModel
from clipvis_core.models.criterion import FrameTarget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser, "configs/image/clipvis_r50_coco.py", repeats=5)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=size, default=(512, 512), metavar="HxW")
    parser.add_argument("--objects", type=int, default=10, help="instances a picture")
    parser.add_argument("--dtype", default="float32", choices=DTYPES)


def run(args: argparse.Namespace) -> dict:
    """Median seconds of both forms, which take turns; peak memory before the published form first ran."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    step = training_step(args)
    step(nullcontext())
    peak = peak_memory(args.device)
    step.published()
    ours, published = [], []
    for _ in range(args.repeats):
        ours.append(step(nullcontext()))
        published.append(step.published())
    ours, published = median_of(ours), median_of(published)
    return {
        "seconds": ours,
        "published_form_seconds": published,
        "published_form_to_ours": round(published["total"] / ours["total"], 3),
        **peak,
        "settings": settings_of(args, "batch", "size", "objects", "dtype"),
    }


def median_of(runs: list[Seconds]) -> Seconds:
    """Median of each stage over several iterations."""
    return rounded({stage: statistics.median(run[stage] for run in runs) for stage in runs[0]})


class TrainingStep:
    """Forward, backward, clipping and optimizer step on the same pictures, timed by stage."""

    def __init__(self, model: CLIPVISModel, images: Tensor, targets: list[FrameTarget], wrapper: object) -> None:
        self.model = model
        self.images = images
        self.targets = targets
        self.wrapper = wrapper

    def published(self) -> Seconds:
        """One iteration in the published order."""
        return self(published_form(self.model))

    def __call__(self, form: AbstractContextManager) -> Seconds:
        """One iteration; seconds a stage."""
        seconds: Seconds = defaultdict(float)
        device = self.images.device.type
        stages = {
            "backbone": (self.model, "extract_feat"),
            "pixel_decoder": (self.model.head, "decode_pixels"),
            "losses": (self.model.criterion, "forward"),
        }
        with form, timed(stages, seconds, device), clocked(seconds, "total"):
            with clocked(seconds, "forward", device), self.wrapper.optim_context(self.model):
                losses = self.model.compute_losses(self.images, self.targets)
                total = sum(losses.values())
            with clocked(seconds, "backward", device):
                self.wrapper.backward(total)
            with clocked(seconds, "optimizer", device):
                self.wrapper.step()
                self.wrapper.zero_grad()
        seconds["query_decoder"] = seconds.pop("forward") - sum(seconds[stage] for stage in stages)
        return dict(seconds)


def training_step(args: argparse.Namespace) -> TrainingStep:
    """Model of random weights, its optimizer, random pictures with rectangular objects."""
    config = read_config(args.config)
    model = build_model(config, args.checkpoint, args.device).train()
    if args.dtype != "float32":
        config.optim_wrapper.update(type="AmpOptimWrapper", dtype=args.dtype)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    images = torch.randn((args.batch, 3, *args.size), device=args.device)
    targets = [rectangles(args.objects, *args.size, args.device) for _ in range(args.batch)]
    return TrainingStep(model, images, targets, wrapper)


def rectangles(number: int, height: int, width: int, device: str) -> FrameTarget:
    """Ground truth of one picture: `number` random rectangles."""
    masks = torch.zeros((number, height, width), dtype=torch.bool)
    for mask in masks:
        top, left = (torch.rand(2) * torch.tensor([height, width]) * 0.8).long().tolist()
        mask[top : top + height // 6, left : left + width // 6] = True
    return FrameTarget(masks.to(device), torch.zeros(number, dtype=torch.long, device=device))
