"""Makes the helpers of this folder importable, also in processes that a test starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_models import FakeSpec

from clipvis_core.batch.runner import Plan
from clipvis_core.batch.video_task import OutputOptions


@pytest.fixture
def plan() -> Plan:
    """A batch with a model that costs no time."""
    return Plan(FakeSpec(), OutputOptions(draw=False), {"model": "fake"})


@pytest.fixture
def pictures(tmp_path):
    """Function that makes folders of frames by their names."""
    import numpy as np
    from PIL import Image

    def make(*names: str, frames: int = 3) -> list[str]:
        for place, name in enumerate(names):
            folder = tmp_path / "in" / name
            folder.mkdir(parents=True)
            for index in range(frames):
                Image.fromarray(np.full((8, 12, 3), 10 * (place % 25) + index, np.uint8)).save(folder / f"{index}.png")
        return [str(tmp_path / "in" / name) for name in names]

    return make
