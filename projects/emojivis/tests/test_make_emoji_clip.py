"""make_emoji_clip.py as a user calls it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from clipvis_core.media import open_frames


@pytest.fixture
def make_clip(run_program):
    """The program with arguments."""
    return partial(run_program, "projects/emojivis/tools/make_emoji_clip.py")


def test_a_clip_of_the_same_size_with_emoji_in_it(make_clip, repo_root, tmp_path):
    source, target = repo_root / "assets/street.mp4", tmp_path / "new.mp4"
    code, stdout, _ = make_clip(source, target, "--emoji", "penguin; fox", "--frames", 5)
    assert code == 0
    assert "5 frames, penguin, fox" in stdout
    made, given = (np.stack([*open_frames(path)][:5]).astype(int) for path in (target, source))
    assert made.shape == given.shape == (5, 360, 640, 3)
    changed = (np.abs(made - given).max(axis=-1) > 60).mean(axis=(1, 2))
    assert (changed > 0.02).all()
    assert (changed < 0.5).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--emoji", "penguin; unheard-of"], "no emoji 'unheard-of'"),
        (["--emoji", ";"], "give 1 to 32"),
        (["--emoji", "penguin", "--frames", "0"], "--frames"),
    ],
)
def test_mistakes_take_one_line_and_leave_nothing(make_clip, repo_root, tmp_path, arguments, message):
    code, _, stderr = make_clip(repo_root / "assets/street.mp4", tmp_path / "x.mp4", *arguments)
    assert code == 2
    assert message in stderr
    assert len(stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
