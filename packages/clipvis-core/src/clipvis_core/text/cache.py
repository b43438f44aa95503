"""Text embeddings kept on disk, so that a vocabulary is encoded once a machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch
from open_clip import CLIP
from torch import Tensor


def cache_directory() -> Path:
    """`$CLIPVIS_CACHE`, or `clipvis` in the user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`)."""
    if configured := os.environ.get("CLIPVIS_CACHE"):
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipvis"


def text_fingerprint(clip: CLIP, templates: Iterable[str]) -> str:
    """Hex digest of all that decides a text embedding but the words: weights, activation, templates."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update("\n".join(templates).encode())
    digest.update(type(clip.transformer.resblocks[0].mlp.gelu).__name__.encode())
    for name, tensor in clip.state_dict().items():
        if not name.startswith("visual."):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            try:
                with os.fdopen(handle, "wb") as file:
                    torch.save(
                        {"words": list(merged), "rows": torch.stack(list(merged.values()))}, file
                    )
                os.replace(temporary, self.path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError:
            return
