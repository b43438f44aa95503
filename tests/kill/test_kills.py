"""A few kills of each program; `make kill-test SEED=... KILLS=...` is the long run."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for left processes in /proc")
@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_killed_runs_lose_nothing(tmp_path, kills):
    """One each of infer and test; the slow one also of train and of a stream."""
    from killing import kill_runs

    counts, faults = kill_runs(seed=1, kills=kills, folder=tmp_path)
    assert not faults, "\n".join(faults)
    assert sum(found.total() for found in counts.values()) == kills
