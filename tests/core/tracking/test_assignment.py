"""Two solvers, one optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core.tracking import temporal_matching


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**16), size=st.integers(1, 40), number=st.integers(1, 4))
def test_the_fast_solver_finds_what_scipy_finds(seed, size, number):
    if temporal_matching.lapjvr_batch is None:
        pytest.skip("lapx is not installed")
    costs = np.random.default_rng(seed).uniform(0, 2, (number, size, size)).astype(np.float32)
    totals, columns = temporal_matching.assign(costs)
    expected_totals, expected = temporal_matching.assign_plainly(costs)
    np.testing.assert_array_equal(columns, expected)
    np.testing.assert_allclose(totals, expected_totals, rtol=1e-5)


def test_scipy_alone_is_enough(monkeypatch):
    monkeypatch.setattr(temporal_matching, "lapjvr_batch", None)
    totals, columns = temporal_matching.assign(np.array([[[4.0, 1.0], [2.0, 3.0]]]))
    assert (totals.tolist(), columns.tolist()) == ([3.0], [[1, 0]])
