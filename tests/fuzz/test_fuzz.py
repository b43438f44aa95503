"""A short run of the net under the readers; `make fuzz SEED=... CASES=...` is the long one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from runner import READERS

RUNNER = Path(__file__).with_name("runner.py")


def damaged(cases: int, *names: str) -> str:
    """What the runner prints; in a process of its own, as it forks, which programs with torch's threads must not."""
    command = [sys.executable, RUNNER, "--seed", "1", "--cases", str(cases), "--readers", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["config", "others"])
def test_damaged_inputs_are_read_right_or_refused_in_a_line(name):
    if name == "config":  # which builds a network each time
        printed = damaged(20, "config")
    else:
        printed = damaged(60, *(reader for reader in READERS if reader != "config"))
        assert len(printed.splitlines()) == len(READERS) - 1
    assert all(int(count) > 2 for count in re.findall(r"(\d+) refused", printed))
