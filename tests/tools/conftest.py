"""The command-line programs are no package: their folder goes on the path."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def _tools_on_path(repo_root, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_root / "tools"))


@pytest.fixture
def program(repo_root, monkeypatch, tmp_path, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs a program of `tools/` in this process, as a user calls it: (exit code, stdout, stderr)."""
    monkeypatch.setenv("CLIPVIS_CACHE", str(tmp_path / "cache"))

    def run(name: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(repo_root / "tools" / name), run_name="__main__")
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run
