"""tools/export_weights.py, and tools/infer.py with what it writes."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from clipvis_core.inference import build_model

CONFIG = "configs/emojivis/clipvis_nano_video.py"


@pytest.fixture
def checkpoint(repo_root, tmp_path):
    path = tmp_path / "iter_1.pth"
    model = build_model(repo_root / CONFIG, checkpoint=None)
    torch.save({"state_dict": model.state_dict(), "optimizer": {"state": {}}}, path)
    return path


def test_infer_takes_the_file_without_a_config(program, repo_root, checkpoint, tmp_path):
    weights = tmp_path / "nano.safetensors"
    image_config = repo_root / "configs/emojivis/clipvis_nano_image.py"
    code, stdout, _ = program(
        "export_weights.py", checkpoint, weights, "--config", repo_root / CONFIG,
        "--image-config", image_config,
    )  # fmt: skip
    assert code == 0, stdout
    assert weights.stat().st_size < 0.6 * checkpoint.stat().st_size
    assert {t.dtype for t in load_file(weights).values()} <= {torch.float16, torch.int64}
    for source in (repo_root / "assets/demo.mp4", repo_root / "docs/images/quick_clips_masks.jpg"):
        code, _, stderr = program(
            "infer.py", source, "--checkpoint", weights, "--classes", "dog", "--short-side", "64",
            "--topk", "2", "--no-video", "--out-dir", tmp_path / "out",
        )  # fmt: skip
        assert code == 0, stderr


def test_a_config_from_elsewhere_is_refused(program, checkpoint, tmp_path):
    config = tmp_path / "mine.py"
    config.write_text("model = dict(type='CLIPVISVideo')")
    code, _, stderr = program("export_weights.py", checkpoint, tmp_path / "x.safetensors", "--config", config)
    assert code == 2
    assert len(stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize("named", ["../mine.py", "/tmp/mine.py", "tools/infer.py"])
def test_infer_runs_no_program_that_a_file_names(program, repo_root, checkpoint, tmp_path, named):
    weights = tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(1)}, weights, metadata={"config": named})
    code, _, stderr = program("infer.py", repo_root / "assets/demo.mp4", "--checkpoint", weights, "--classes", "dog")
    assert code == 2
    assert "give --config" in stderr
