"""What the programs here have in common: the import path of `projects`, and how they end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clipvis_core.foundation.program import run

__all__ = ["is_one_of_a_group", "run"]

# For `projects.NAME...`, which the configs of projects/ name in custom_imports.
sys.path.append(str(Path(__file__).resolve().parents[1]))


def is_one_of_a_group() -> bool:
    """Whether this process has joined others, as launchers have it.

    It then has threads of gloo, which may abort it at the interpreter's end although its work is done and the group is
    destroyed (pytorch/pytorch#179291).
    """
    return "RANK" in os.environ
