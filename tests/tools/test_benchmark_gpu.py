"""The GPU benchmark on a CPU, with everything tiny: a dry run, so that no typo is found on the day a GPU is there."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.config import Config

DTYPES = ("float32", "bfloat16")
TINY = ["--device", "cpu", "--models", "photo-mini", "--size", "64x96", "--classes", "7", "--frames", "3"]
TINY += ["--window", "2", "--windows", "1", "--batch", "1", "--seconds", "0", "--dtypes", *DTYPES]


@pytest.fixture
def benchmark(program, monkeypatch, tmp_path):
    """Runs the command: exit code, and what it wrote to its file."""
    from benchmarks import gpu

    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(gpu, "TRAINED", {"photo-mini image": gpu.TRAINED["photo-mini image"]})
    out = tmp_path / "gpu.json"

    def run(*options: str) -> tuple[int, dict]:
        code, stdout, _ = program("benchmark.py", "gpu", *TINY, *options, "--out", str(out))
        written = json.loads(out.read_text())
        assert json.loads(stdout) == written
        return code, written["figures"]

    run.out = out
    return run


def failures(figures: dict, path: tuple = ()) -> set[tuple]:
    """Where a measurement failed."""
    found = set()
    for name, value in figures.items():
        if name == "failed":
            found.add(path)
        elif isinstance(value, dict):
            found |= failures(value, (*path, name))
    return found


def test_everything_is_measured_but_what_needs_a_gpu(benchmark):
    code, figures = benchmark("--minutes", "9")
    assert code == 0
    assert figures["not_measured"] == []
    speeds = figures["frames_per_second"]["photo-mini"]
    assert speeds["eager"]["float32"]["frames_per_second"] > 0
    assert speeds["compiled"].keys() == speeds["eager"].keys() == {"float32", "bfloat16"}
    assert figures["to_disk"]["photo-mini"]["bfloat16"]["frames_per_second"] > 0
    assert figures["training"]["photo-mini image"]["float32"]["frames_per_second"] > 0
    exact = figures["attention_milliseconds"]["float32"]
    assert exact["embedding_bag"]["largest_difference"] < 1e-4
    graphs = {("frames_per_second", "photo-mini", "cuda_graph", dtype) for dtype in DTYPES}
    kernels = {("attention_milliseconds", dtype, form) for dtype in DTYPES for form in ("triton", "mmcv")}
    others = {("windows", "photo-mini", "1, cuda_graph"), ("training", "photo-mini image", "bfloat16")}
    assert failures(figures) == graphs | kernels | others


def test_what_the_time_does_not_suffice_for_is_named(benchmark):
    code, figures = benchmark("--minutes", "0")
    assert code == 0
    assert "to_disk / photo-mini / float32" in figures["not_measured"]
    assert figures.keys() == {"settings", "not_measured"}


def test_the_file_is_written_as_it_goes(benchmark, monkeypatch):
    from benchmarks import gpu

    seen = []

    def speed():
        seen.append(json.loads(benchmark.out.read_text())["figures"] if benchmark.out.exists() else {})
        return {"frames_per_second": 1.0}

    monkeypatch.setattr(gpu, "plan", lambda _: [(("to_disk", name), speed) for name in ("first", "second")])
    benchmark()
    assert seen[0] == {}
    assert seen[1]["to_disk"] == {"first": {"frames_per_second": 1.0}}


def test_what_is_measured_with_a_gpu_alone_is_there(repo_root):
    from benchmarks.gpu import TRAINED
    from benchmarks.gpu_models import MODELS

    for path in TRAINED.values():
        config = Config.fromfile(repo_root / path, import_custom_modules=False)
        assert config.optim_wrapper.optimizer
        assert config.model.criterion
    for config, weights in MODELS.values():
        assert (repo_root / config).is_file()
        assert weights is None or (repo_root / weights).is_file()
