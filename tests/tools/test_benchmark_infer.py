"""The inference benchmark compares two ways to one result: the results must be the same."""

from __future__ import annotations

import argparse
import json
import sys

import pytest
from pycocotools import mask as coco_mask

from clipvis_core.tracking import MaskSizes

pytestmark = pytest.mark.slow


@pytest.fixture
def small(repo_root):
    """Arguments of a small run."""
    from benchmarks.infer import add_arguments

    parser = argparse.ArgumentParser()
    add_arguments(parser)

    def parse(*options):
        config = str(repo_root / "configs/quick/clips.py")
        fixed = ["--frames", "13", "--classes", "7", "--size", "64x96", "--output-size", "100x150"]
        return parser.parse_args(["--config", config, *fixed, *options])

    return parse


def test_the_published_order_gives_the_same_tracks(small):
    from benchmarks.model import build, smooth_noise
    from benchmarks.published_clip import published_clip

    model = build(small(), 7)
    frames = smooth_noise(13, (64, 96))
    published, seconds = published_clip(model, frames, (100, 150), "cpu")
    tracker = model.tracker(MaskSizes((64, 96), (64, 96), (100, 150)))
    for _ in model.track((model.prepare(frame[None]) for frame in frames), tracker):
        pass
    ours = tracker.finish()

    def by_pair(queries, labels, values):
        pairs = zip(queries.tolist(), labels.tolist(), strict=True)
        return dict(zip(pairs, values, strict=True))

    theirs = by_pair(published.queries, published.labels, published.scores.tolist())
    assert by_pair(ours.queries, ours.labels, ours.scores.tolist()) == pytest.approx(theirs, rel=1e-3, abs=1e-5)
    masks = by_pair(published.queries, published.labels, published.segmentations)
    for pair, records in by_pair(ours.queries, ours.labels, ours.segmentations).items():
        for record, expected in zip(records, masks[pair], strict=True):
            if record is None:
                assert coco_mask.area(expected) == 0
            else:
                assert coco_mask.iou([record], [expected], [0])[0, 0] > 0.99
    parts = sum(value for stage, value in seconds.items() if stage != "total")
    assert parts == pytest.approx(seconds["total"], rel=0.1)


def test_a_run_reports_errors_and_ratios(small):
    from benchmarks.infer import run

    command = f"{sys.executable} -c 'print(1)'"
    figures = run(small("--dtype", "bfloat16", "--published", "--external", command))
    assert 0 < figures["track_score_error"]["mean"] < 0.02
    for name in ("published_order", "external"):
        ratio = figures[f"{name}_seconds"]["total"] / figures["seconds"]["total"]
        assert figures[f"{name}_to_ours"] == pytest.approx(ratio, rel=0.02)
    assert figures["settings"]["classes"] == 7
    json.dumps(figures)


def test_a_sweep_runs_every_combination(small, monkeypatch):
    from benchmarks import infer

    seen = []
    monkeypatch.setattr(infer, "run_apart", lambda swept: seen.append(swept) or swept)
    figures = infer.run(small("--frames", "1", "2", "--classes", "3", "4"))
    assert figures["runs"] == seen
    assert [(run["frames"], run["classes"]) for run in seen] == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert seen[0]["size"] == (64, 96)


def test_memory_of_two_videos_is_compared(monkeypatch, small):
    """Each in a process of its own, as the command runs it."""
    from benchmarks import infer, infer_memory

    run = infer_memory.run
    monkeypatch.setattr(infer_memory, "run", lambda short, long, classes: run(2, 4, classes))
    figures = infer.run(small("--memory"))
    assert set(figures["frames"]) == {"2", "4"}
    assert figures["within"]
