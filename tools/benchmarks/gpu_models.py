"""What the GPU benchmark measures with: models built once, precisions, a clock that waits for the GPU."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from benchmarks.model import ROOT, set_random_words
from clipvis_core.inference import build_model
from clipvis_core.models import Arithmetic, CLIPVISVideo

#: Config and weights of each model.
MODELS = {
    "R50": ("configs/video/clipvis_r50_lvis.py", None),
    "ConvNeXt-B": ("configs/video/clipvis_convnext-b_lvis.py", None),
    "photo-mini": ("configs/photo_mini/photo_mini_video.py", "weights/photo_mini.safetensors"),
}
_WARM_UP = 2  # the second call records a CUDA graph, where one is wanted
_MOST_RUNS = 200


class Measured(NamedTuple):
    """Mean seconds of a call over a number of runs, and the most memory it took on the GPU (0 on a CPU)."""

    seconds: float
    runs: int
    peak_mib: int


class GpuModel:
    """A video model with random words, built when it is first asked for.

    Args:
        name: One of `MODELS`.
        args: Arguments of the benchmark.
    """

    def __init__(self, name: str, args: argparse.Namespace) -> None:
        self.name = name
        self._args = args
        self._plain: CLIPVISVideo | None = None

    def prepared(self, dtype: str, *, compiled: bool = False, graphs: bool = False) -> CLIPVISVideo:
        """The model for a precision; a compiled one is another, since compiling cannot be undone."""
        model = self._build() if compiled or self._plain is None else self._plain
        if not compiled:
            self._plain = model
        Arithmetic(getattr(torch, "float32" if dtype == "tf32" else dtype), compiled, graphs).prepare(model)
        return model

    def _build(self) -> CLIPVISVideo:
        config, weights = MODELS[self.name]
        model = build_model(ROOT / config, None if weights is None else ROOT / weights, self._args.device)
        set_random_words(model, self._args.classes)
        return model


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Lets float32 products and convolutions go through TF32, for `tf32`, or through nothing less than float32."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = dtype != "float32"
    try:
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed


def measured(call: Callable[[], object], args: argparse.Namespace) -> Measured:
    """Mean time of a call after some to warm up, over at least `args.seconds`."""
    on_gpu = args.device != "cpu"
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(_WARM_UP):
        call()
    wait()
    runs, start = 0, time.perf_counter()
    while runs < _MOST_RUNS and (runs == 0 or time.perf_counter() - start < args.seconds):
        call()
        wait()
        runs += 1
    seconds = (time.perf_counter() - start) / runs
    return Measured(seconds, runs, torch.cuda.max_memory_allocated() // 2**20 if on_gpu else 0)


def first_line(error: Exception) -> str:
    """An error as one line."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"
