"""Switches for answers with models that have no calibration, clip-nano and random R50: published records stay."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from clipvis_core import Vocabulary
from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.media import open_frames

SMALL = ["--short-side", "64", "--topk", "8"]
CONTRAST = Vocabulary.from_text("sky; wall; giraffe")


@pytest.fixture
def frames_folder(repo_root, tmp_path):
    """Three frames of the demo clip."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, frame in enumerate(islice(open_frames(repo_root / "assets/street.mp4"), 3)):
        Image.fromarray(frame[::3, ::3]).save(folder / f"{index}.png")
    return folder


@pytest.mark.parametrize("source", ["frames", "frames/0.png"])
def test_clip_nano(run_program, repo_root, frames_folder, tmp_path, source):
    def ask(*switches):
        out = tmp_path / "-".join(["out", *switches])
        weights = repo_root / "weights/clipvis_nano.safetensors"
        code, stdout, _ = run_program(
            "tools/infer.py", frames_folder.parent / source, "--checkpoint", weights,
            "--classes", "taxi; fox", "--out-dir", out, *SMALL, *switches,
        )  # fmt: skip
        assert code == 0
        return json.loads((out / "results.json").read_text()), stdout

    published, _ = ask("--contrast", "none")
    assert published
    streamed = [["--stream"]] if source == "frames" else []
    for switches in (["--contrast", "auto"], ["--all-tracks"], *streamed):
        records, stdout = ask(*switches)
        assert all(0 <= record.pop("calibrated_score") <= 1 for record in records)
        assert records == published
        assert "score >= 0.3" in stdout  # what is drawn where nothing was calibrated


@pytest.mark.parametrize("mode", ["image", "video"])
def test_random_r50(repo_root, mode):
    config = Config.fromfile(repo_root / f"configs/{mode}/clipvis_r50_lvis.py")
    config.model.head.query_decoder.num_layers = 3
    config.model.head.query_decoder.num_queries = 10
    inferencer = CLIPVISInferencer(config, vocabulary=["dog", "car"], device="cpu", short_side=64, topk=8)
    assert inferencer.contrast is None  # random weights judge nothing
    frames = [np.full((48, 64, 3), 90, np.uint8)]
    published = inferencer(frames, progress=False)
    inferencer.contrast = CONTRAST
    inferencer.set_vocabulary(["dog", "car"])
    judged = inferencer(frames, progress=False)
    records = judged.records()
    assert all(0 <= record.pop("calibrated_score") <= 1 for record in records)
    assert records == published.records()
    shown, everything = (judged.drawn(0.0, all_tracks=all_tracks).indices for all_tracks in (False, True))
    assert set(shown) <= set(everything)
