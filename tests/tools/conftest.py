"""The command-line programs are no package: their folder goes on the path."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _tools_on_path(repo_root, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_root / "tools"))
