"""What the projects' tests share: the registry scope that a runner sets, and the builders of small datasets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/data"))


@pytest.fixture(autouse=True, scope="session")
def _mmdet_scope():
    with DefaultScope.overwrite_default_scope("mmdet"):
        yield
