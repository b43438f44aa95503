"""Fixtures of the data tests; makes `builders` importable under pytest's importlib mode."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

import clipvis_data.datasets  # noqa: F401 - registers

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def mmdet_scope():
    """The registry scope that a runner sets from a config's `default_scope`."""
    with DefaultScope.overwrite_default_scope("mmdet"):
        yield
