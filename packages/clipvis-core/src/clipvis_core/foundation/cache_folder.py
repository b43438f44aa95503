"""The folder for what is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$CLIPVIS_CACHE`, or `clipvis` in the user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`)."""
    if configured := os.environ.get("CLIPVIS_CACHE"):
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipvis"
