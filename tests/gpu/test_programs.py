"""The inference program on a GPU: a demo video, too little memory, and the benchmark's first figures."""

from __future__ import annotations

import json

import pytest
import torch


def test_the_demo_is_the_cpus(run_program, repo_root, tmp_path):
    results = {}
    for device in ("cpu", "cuda"):
        out = tmp_path / device
        video, words = str(repo_root / "assets/street.mp4"), "car; person; dog"
        arguments = [video, "--classes", words, "--device", device, "--short-side", "128", "--no-video"]
        code, _, errors = run_program("tools/infer.py", *arguments, "--out-dir", str(out))
        assert code == 0, errors
        results[device] = json.loads((out / "results.json").read_text())
    best = {device: max(record["score"] for record in records) for device, records in results.items()}
    assert best["cuda"] == pytest.approx(best["cpu"], abs=5e-3)


def test_too_little_memory_is_one_line(run_program, repo_root, tmp_path):
    """This process may have 1 % of the memory, and asks for a window that does not fit."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        arguments = [str(repo_root / "assets/street.mp4"), "--classes", "car", "--device", "cuda", "--window", "64"]
        code, _, errors = run_program("tools/infer.py", *arguments, "--short-side", "960", "--out-dir", str(tmp_path))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert code == 2
    line = errors.strip().splitlines()[-1]
    assert line.startswith("error: the GPU's memory does not hold")
    assert "--window" in line


def test_the_benchmark_starts(run_program, tmp_path):
    out = tmp_path / "gpu.json"
    tiny = ["--models", "photo-mini", "--size", "96x160", "--dtypes", "float32", "--seconds", "0", "--minutes", "0.2"]
    code, _, errors = run_program("tools/benchmark.py", "gpu", *tiny, "--frames", "4", "--out", str(out))
    assert code == 0, errors
    report = json.loads(out.read_text())
    assert report["machine"]["gpu"]
    assert report["figures"]["frames_per_second"]["photo-mini"]["eager"]["float32"]["frames_per_second"] > 0
