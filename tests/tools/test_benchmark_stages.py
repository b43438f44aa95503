"""The benchmark of stages: every form computes the same frame, and its stages add up."""

from __future__ import annotations

import argparse

import pytest
import torch

pytestmark = pytest.mark.slow


@pytest.fixture
def figures(repo_root):
    from benchmarks import stages

    parser = argparse.ArgumentParser()
    stages.add_arguments(parser)
    config = str(repo_root / "configs/quick/clips.py")
    arguments = ["--config", config, "--size", "50x90", "--repeats", "1", "--classes", "3", "--threads", "1"]
    return stages.run(parser.parse_args(arguments))


def test_forms_agree_and_stages_add_up(figures):
    assert figures["seconds"].keys() == {"published_order", "float32", "bfloat16"}
    for stages in figures["seconds"].values():
        parts = sum(value for stage, value in stages.items() if stage != "total")
        assert parts == pytest.approx(stages["total"], abs=1e-3)
    exact, low = (figures["difference_from_float32"][name] for name in ("published_order", "bfloat16"))
    assert exact["iou_max"] < 1e-5
    assert exact["mask_overlap_mean"] > 0.999
    assert exact["iou_max"] < low["iou_max"] < 0.05
    assert low["mask_overlap_mean"] > 0.9
    for dtype, forms in figures["share_of_peak"].items():
        assert forms.keys() == {dtype}
        assert forms[dtype].keys() == figures["seconds"][dtype].keys()
        assert min(forms[dtype][stage] for stage in ("backbone", "pixel_decoder", "total")) > 0


def test_attention_is_counted():
    """Two products of each head: queries by keys, and weights by values."""
    from benchmarks.stages import OperationCounter

    queries, keys = torch.rand((1, 8, 100, 32)), torch.rand((1, 8, 50, 32))
    with torch.no_grad(), OperationCounter() as counter:
        torch.nn.functional.scaled_dot_product_attention(queries, keys, keys)
    assert counter.total == 2 * 2 * 8 * 100 * 50 * 32
