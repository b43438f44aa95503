"""The command-line programs are no package: their folder goes on the path."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def _tools_on_path(repo_root, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_root / "tools"))


@pytest.fixture
def program(run_program) -> Callable[..., tuple[int, str, str]]:
    """Runs a program of `tools/` as a user calls it: (exit code, stdout, stderr)."""
    return lambda name, *arguments: run_program(f"tools/{name}", *arguments)
