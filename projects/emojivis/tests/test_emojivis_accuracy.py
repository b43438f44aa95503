"""The shipped CLIP-VIS nano on a fixed dozen clips: a model that has become worse turns this red."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from clipvis_eval.identity import identity_of_files
from clipvis_eval.track_ap import evaluate_files
from projects.emojivis.emojivis import EmojiWorld, write_emojivis

pytestmark = pytest.mark.slow

CLIPS = 12
MOST_LOST = 0.03


@pytest.fixture(scope="module")
def results(repo_root, tmp_path_factory):
    """Folder with `emojivis/val.json` and the model's `work/results.json`."""
    folder = tmp_path_factory.mktemp("accuracy")
    write_emojivis(folder / "emojivis", EmojiWorld("val"), "val", CLIPS)
    command = [
        sys.executable, repo_root / "tools/test.py", repo_root / "projects/emojivis/configs/clipvis_nano_video.py",
        repo_root / "weights/clipvis_nano.safetensors", "--work-dir", "work",
    ]  # fmt: skip
    environment = {**os.environ, "DETECTRON2_DATASETS": str(folder)}
    environment["CLIPVIS_CACHE"] = str(folder / "cache")
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=600)
    return folder


@pytest.fixture(scope="module")
def shipped(repo_root):
    """What the model reached on these clips when it was shipped."""
    return json.loads((repo_root / "weights/clipvis_nano.json").read_text())["first_12_val_clips"]


def test_accuracy_is_that_of_the_shipped_model(results, shipped):
    result = evaluate_files(
        results / "emojivis/val.json", results / "work/results.json",
        benchmark="ytvis2019", protocol="corrected",
    ).to_json()  # fmt: skip
    for group, reached in (("", result["metrics"]), *((f"_{k}", v) for k, v in result["groups"].items())):
        assert reached["AP"] >= shipped[f"AP{group}"] - MOST_LOST, group or "all"


def test_objects_keep_their_track(results, shipped):
    identity = identity_of_files(results / "emojivis/val.json", results / "work/results.json", benchmark="ytvis2019")
    assert identity.share >= shipped["identity"] - MOST_LOST
