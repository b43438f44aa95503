"""What the programs here have in common: the import path of `projects`, and `run`."""

from __future__ import annotations

import sys
from pathlib import Path

from clipvis_core.foundation.program import run

__all__ = ["run"]

# For `projects.NAME...`, which the configs of projects/ name in custom_imports.
sys.path.append(str(Path(__file__).resolve().parents[1]))
