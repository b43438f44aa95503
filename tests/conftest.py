"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
