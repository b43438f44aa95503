"""Text embeddings kept on disk, so that a vocabulary is encoded once a machine."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch
from torch import Tensor

from clipvis_core.foundation.whole_file import whole_file


class RowCache:
    """Rows of words (unit vectors `(D,)`), one file for each fingerprint.

    A file is replaced whole and atomically, so that a killed run leaves the last complete state and two programs
    at once at worst forget a few rows. A file that cannot be read or written is treated as empty: a cache may
    slow a program down, never stop it.
    """

    def __init__(self, directory: str | Path, fingerprint: str) -> None:
        self.path = Path(directory) / f"text-{fingerprint}.pt"

    def read(self) -> dict[str, Tensor]:
        """All rows of the file."""
        try:
            stored = torch.load(self.path, map_location="cpu", weights_only=True)
            return dict(zip(stored["words"], stored["rows"], strict=True))
        except Exception:
            return {}

    def write(self, rows: dict[str, Tensor]) -> None:
        """Adds `rows` to what the file holds."""
        merged = {**self.read(), **rows}
        content = {"words": list(merged), "rows": torch.stack(list(merged.values()))}
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.path) as file:
                torch.save(content, file)
