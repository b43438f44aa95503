"""What the benchmarks of the model share: arguments, a model with random words, noise for frames, timed stages."""

from __future__ import annotations

import argparse
import contextlib
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from clipvis_core import Vocabulary
from clipvis_core.inference import build_model
from clipvis_core.models import Arithmetic
from clipvis_core.models.base import CLIPVISModel
from clipvis_core.text import VocabularyEmbedding

ROOT = Path(__file__).resolve().parents[2]
DTYPES = ("float32", "bfloat16", "float16")

Clock = Callable[[], float]
Seconds = dict[str, float]


def size(text: str) -> tuple[int, int]:
    """`360x640` to (360, 640)."""
    height, width = (int(side) for side in text.split("x"))
    return height, width


def add_model_arguments(parser: argparse.ArgumentParser, config: str, repeats: int) -> None:
    """Arguments of every benchmark of the model, with these defaults."""
    parser.add_argument("--config", default=str(ROOT / config))
    parser.add_argument("--checkpoint", help="weights; random ones cost the same time")
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds, all forms in turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")


def settings_of(args: argparse.Namespace, *names: str) -> dict:
    """The arguments that figures depend on."""
    names = (*names, "repeats", "threads", "device")
    config = {"config": Path(args.config).name, "checkpoint": args.checkpoint is not None}
    return {name: getattr(args, name) for name in names} | config


def build(args: argparse.Namespace, classes: int, dtype: str = "float32", compiled: bool = False) -> CLIPVISModel:
    """The config's model with random words, prepared for a precision."""
    model = build_model(args.config, args.checkpoint, args.device)
    set_random_words(model, classes)
    Arithmetic(getattr(torch, dtype), compiled).prepare(model)
    return model


def set_random_words(model: CLIPVISModel, number: int) -> None:
    """A classifier of random unit rows, so that no text is encoded."""
    rows = torch.randn((number, model.backbone.embed_dim), generator=torch.Generator().manual_seed(0))
    vocabulary = Vocabulary.from_categories(f"category {index}" for index in range(number))
    model.set_vocabulary(vocabulary)
    model._embedding = VocabularyEmbedding(vocabulary, F.normalize(rows, dim=-1), torch.arange(number))


def smooth_noise(number: int, frame_size: tuple[int, int]) -> Tensor:
    """Frames as a video would bring them, uint8 `(T, 3, H, W)`."""
    cells = (max(1, side // 16) for side in frame_size)
    coarse = torch.randn((number, 3, *cells), generator=torch.Generator().manual_seed(0))
    frames = F.interpolate(coarse, size=frame_size, mode="bilinear").mul(50).add(115)
    return frames.clamp(0, 255).byte()


@contextlib.contextmanager
def clocked(seconds: Seconds, stage: str, device: str = "cpu", clock: Clock = time.perf_counter) -> Iterator[None]:
    """Adds the time of the block to a stage of `seconds`, a `defaultdict(float)`; waits for a GPU's queue to end."""
    start = clock()
    yield
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    seconds[stage] += clock() - start


@contextlib.contextmanager
def timed(
    stages: dict[str, tuple[object, str]], seconds: Seconds, device: str, clock: Clock = time.perf_counter
) -> Iterator[None]:
    """Adds the time spent in methods to `seconds` while the context lasts; see `clocked`.

    Args:
        stages: Stage name -> (object or class, name of its method).
        seconds: Sums by stage.
        device: Device of the model.
        clock: A function that gives seconds.
    """

    def timed_call(method: Callable, stage: str) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            with clocked(seconds, stage, device, clock):
                return method(*args, **kwargs)

        return call

    with contextlib.ExitStack() as stack:
        for stage, (owner, name) in stages.items():
            stack.enter_context(patch.object(owner, name, timed_call(getattr(owner, name), stage)))
        yield


@contextlib.contextmanager
def timed_network(
    model: CLIPVISModel, seconds: Seconds, device: str, clock: Clock = time.perf_counter
) -> Iterator[None]:
    """`timed` for image encoder, pixel decoder, query decoder (what is left of the network) and classification."""
    stages = {
        "backbone": (model, "extract_feat"),
        "pixel_decoder": (model.head, "decode_pixels"),
        "network": (model, "segment"),
        "classification": (model, "classify"),
    }
    with timed(stages, seconds, device, clock):
        yield
    seconds["query_decoder"] = seconds.pop("network") - seconds["backbone"] - seconds["pixel_decoder"]


def rounded(seconds: Seconds) -> Seconds:
    return {stage: round(value, 4) for stage, value in seconds.items()}


def peak_memory(device: str) -> dict[str, int]:
    """Most memory of this process so far, in MiB."""
    peak = {"peak_rss_mib": peak_rss() // 2**20}
    if device.startswith("cuda"):
        peak["peak_device_mib"] = torch.cuda.max_memory_allocated() // 2**20
    return peak


def forget_peak() -> None:
    """Makes `peak_rss` count from here, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_rss() -> int:
    """Most memory this process had resident, in bytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
