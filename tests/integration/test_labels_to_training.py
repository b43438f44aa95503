"""A folder of videos and words become a fine-tuned model, by the commands of docs/exports.md."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest
import torch
from run_tools import run_tool

from clipvis_core.checkpoints import model_state, read_checkpoint
from clipvis_core.command_line.clipvis import main
from clipvis_core.inference import Answer
from clipvis_core.media import VideoWriter, open_frames

pytestmark = pytest.mark.slow

SHORT = ("train_cfg.max_iters=2", "train_cfg.val_interval=2", "default_hooks.checkpoint.interval=2")


@pytest.fixture
def workplace(tmp_path, repo_root, monkeypatch) -> Path:
    """A folder with two short videos and the document's config, where a user would work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIPVIS_CACHE", str(tmp_path / "cache"))
    for name in ("configs", "weights"):
        (tmp_path / name).symlink_to(repo_root / name)
    frames = [frame[::3, ::3] for frame in islice(open_frames(repo_root / "assets/street.mp4"), 0, 12, 2)]
    (tmp_path / "videos").mkdir()
    for name, part in (("first", frames[:3]), ("second", frames[3:])):
        with VideoWriter(tmp_path / f"videos/{name}.mp4", Fraction(10), *frames[0].shape[:2]) as writer:
            for frame in part:
                writer.write(frame)
    section = (repo_root / "docs/exports.md").read_text(encoding="utf-8").split("## Labels to training")[1]
    Path("mine.py").write_text(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1])
    return tmp_path


def test_videos_and_words_become_a_model(workplace, repo_root):
    assert len(Path("mine.py").read_text().strip().splitlines()) == 4
    words = ["--classes", "car; person, pedestrian", "--score-thr", "0.02"]
    assert main(["videos", *words, "--no-video", "--export", "ytvis,crops"]) == 0
    assert len(json.loads(Path("outputs/exports/ytvis/train.json").read_text())["videos"]) == 2
    assert Path("outputs/second/exports/crops/index.csv").is_file()
    outs = ["outputs/first", "outputs/second"]
    lines = ["video,track,label,decision"]
    for out in outs:
        best = Answer.read(out).drawn().summary()[0]
        lines.append(f"{Path(out).name},{best.track},{best.label},accepted")
    Path("review.csv").write_text("\n".join(lines))
    main(["export", *outs, "ytvis", "--to", "my_videos", "--min-score", "0.5", "--review", "review.csv"])

    run_tool(repo_root / "tools", "train.py", "mine.py", "--work-dir", "tuned", "--cfg-options", *SHORT)
    before = model_state(read_checkpoint(repo_root / "weights/photo_mini.safetensors"))
    after = model_state(read_checkpoint(workplace / "tuned/iter_2.pth"))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("head.") for name in moved)
    assert not any(name.startswith("backbone.") for name in moved), "the encoder is frozen"

    again = ["--config", "mine.py", "--checkpoint", "tuned/iter_2.pth", "--score-thr", "0.02", "--no-video"]
    assert main(["videos/first.mp4", "--classes", "car; person", "--out-dir", "again", *again]) == 0
    assert Answer.read("again").drawn().summary()
