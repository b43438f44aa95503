"""The short form of `make test-scale`: a batch that is killed twice ends with the bytes of one that is not."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_two_kills_lose_nothing(repo_root):
    command = [
        sys.executable,
        repo_root / "tests/scale/runner.py",
        "--clips",
        "8",
        "--kills",
        "2",
        "--engines",
        "plain",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "plain: 2 kills" in ended.stdout
