"""One command writes the same bytes in every process, whatever the order of its sets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_whatever_the_hash_seed(repo_root, tmp_path):
    written = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        subprocess.run(
            [
                *(sys.executable, repo_root / "tools/infer.py", repo_root / "assets/street.mp4", "--out-dir", out),
                *("--classes", "car; person; traffic light", "--end", "0.4", "--keep-features", "always"),
                *("--export", "coco", "--export", "csv"),
            ],
            env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True,
        )  # fmt: skip
        files = sorted(path for path in out.rglob("*") if path.is_file())
        written.append({path.relative_to(out): path.read_bytes() for path in files})
    first, second = written
    assert len(first) >= 8
    assert first.keys() == second.keys()
    assert [str(name) for name in first if first[name] != second[name]] == []
