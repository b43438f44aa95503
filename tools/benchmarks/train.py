"""One training iteration on a synthetic picture: seconds a stage, peak memory, ratio to the published order."""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.published_form import published_form
from benchmarks.stage_times import timed

if TYPE_CHECKING:
    from torch import Tensor

    from clipvis_core.models import CLIPVISModel
    from clipvis_core.models.criterion import FrameTarget

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default=str(ROOT / "configs/image/clipvis_r50_coco.py"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512), metavar=("H", "W"))
    parser.add_argument("--objects", type=int, default=10, help="instances a picture")
    parser.add_argument("--repeats", type=int, default=5, help="iterations of each form, in turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])


def run(args: argparse.Namespace) -> dict:
    """Median seconds of both forms, which take turns; peak memory before the published form first ran."""
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    step = training_step(args)
    step(nullcontext())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    step.published()
    ours, published = [], []
    for _ in range(args.repeats):
        ours.append(step(nullcontext()))
        published.append(step.published())
    figures = {
        "seconds": median_of(ours),
        "published_form_seconds": median_of(published),
        "peak_rss_mib": peak,
        "settings": {key: value for key, value in vars(args).items() if key in SETTINGS},
    }
    figures["published_form_to_ours"] = round(
        figures["published_form_seconds"]["total"] / figures["seconds"]["total"], 3
    )
    figures["settings"]["config"] = Path(args.config).name
    if args.device.startswith("cuda"):
        figures["peak_device_mib"] = torch.cuda.max_memory_allocated() // 2**20
    return figures


SETTINGS = ("batch", "size", "objects", "repeats", "threads", "device", "dtype")


def median_of(runs: list[dict[str, float]]) -> dict[str, float]:
    """Median of each stage over several iterations."""
    return {stage: round(statistics.median(run[stage] for run in runs), 4) for stage in runs[0]}


class TrainingStep:
    """Forward, backward, clipping and optimizer step on the same pictures, timed by stage."""

    def __init__(self, model: CLIPVISModel, images: Tensor, targets: list[FrameTarget], wrapper: object) -> None:
        self.model = model
        self.images = images
        self.targets = targets
        self.wrapper = wrapper

    def published(self) -> dict[str, float]:
        """One iteration in the published order."""
        return self(published_form(self.model))

    def __call__(self, form: object) -> dict[str, float]:
        """One iteration; seconds a stage."""
        seconds: dict[str, float] = defaultdict(float)
        device = self.images.device.type
        with form, timed(self._stages(), seconds, device):
            start = time.perf_counter()
            with self.wrapper.optim_context(self.model):
                losses = self.model.compute_losses(self.images, self.targets)
                total = sum(losses.values())
            forward = time.perf_counter()
            self._timed(seconds, "backward", lambda: self.wrapper.backward(total))
            self._timed(seconds, "optimizer", self._update)
            end = time.perf_counter()
        seconds["query_decoder"] = (
            forward - start - sum(seconds[stage] for stage in ("backbone", "pixel_decoder", "losses"))
        )
        seconds["total"] = end - start
        return dict(seconds)

    def _stages(self) -> dict[str, tuple[object, str]]:
        return {
            "backbone": (self.model, "extract_feat"),
            "pixel_decoder": (self.model.head, "decode_pixels"),
            "losses": (self.model.criterion, "forward"),
        }

    def _update(self) -> None:
        self.wrapper.step()
        self.wrapper.zero_grad()

    def _timed(self, seconds: dict[str, float], stage: str, call: Callable[[], object]) -> None:
        import torch

        start = time.perf_counter()
        call()
        if self.images.is_cuda:
            torch.cuda.synchronize()
        seconds[stage] += time.perf_counter() - start


def training_step(args: argparse.Namespace) -> TrainingStep:
    """Model of random weights, its optimizer, random pictures with rectangular objects."""
    import torch
    from mmengine.optim import build_optim_wrapper

    import clipvis_train.hooks  # noqa: F401 - registers the optimizer's constructor
    from clipvis_core.inference.building import build_model, read_config

    config = read_config(args.config)
    model = build_model(config, None, args.device).train()
    if args.dtype != "float32":
        config.optim_wrapper.update(type="AmpOptimWrapper", dtype=args.dtype)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    images = torch.randn((args.batch, 3, *args.size), device=args.device)
    targets = [rectangles(args.objects, *args.size, args.device) for _ in range(args.batch)]
    return TrainingStep(model, images, targets, wrapper)


def rectangles(number: int, height: int, width: int, device: str) -> FrameTarget:
    """Ground truth of one picture: `number` random rectangles."""
    import torch

    from clipvis_core.models.criterion import FrameTarget

    masks = torch.zeros((number, height, width), dtype=torch.bool)
    for mask in masks:
        top, left = (torch.rand(2) * torch.tensor([height, width]) * 0.8).long().tolist()
        mask[top : top + height // 6, left : left + width // 6] = True
    return FrameTarget(masks.to(device), torch.zeros(number, dtype=torch.long, device=device))
