"""A short run of the net under the readers; `make fuzz SEED=... CASES=...` is the long one."""

from __future__ import annotations

import pytest
from runner import READERS, run


@pytest.mark.parametrize("name", READERS)
def test_damaged_inputs_are_read_right_or_refused_in_a_line(name):
    counts, faults = run(name, seed=1, cases=8 if name == "config" else 60)  # a config builds a model
    assert not faults, "\n".join(faults)
    assert counts["refused"] > 2
