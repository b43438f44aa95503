"""Fixtures shared by all tests, those of projects/ too."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Root of this checkout."""
    return ROOT


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Folder of reference tensors and sample data; tests that need it are skipped without it.

    `CLIPVIS_REFERENCE_DIR` names it; the default is a folder `shared` beside the checkout.
    """
    path = Path(os.environ.get("CLIPVIS_REFERENCE_DIR", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"reference data not present at {path}")
    return path


@pytest.fixture
def run_program(monkeypatch, tmp_path, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs a program of this checkout in this process, as a user calls it: (exit code, stdout, stderr)."""
    monkeypatch.setenv("CLIPVIS_CACHE", str(tmp_path / "cache"))

    def run(name: str, *arguments: object) -> tuple[int, str, str]:
        path = ROOT / name
        monkeypatch.syspath_prepend(str(path.parent))
        monkeypatch.setattr(sys, "argv", [path.name, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(path), run_name="__main__")
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run
