"""Class probabilities of past frames, where they decide whether a frame of a track is hidden."""

from __future__ import annotations

import zlib
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from clipvis_core.tracking.spill_file import SpillFile

_STEPS = 65535


class DoubtfulProbs(Protocol):
    """What `TrackScores` asks for when the video ends.

    Probabilities decide only where a query's objectness is very low; `in_doubt` says in which rows of a frame.
    """

    @property
    def nbytes(self) -> int:
        """Bytes of temporary files."""

    def append(self, class_probs: Tensor, in_doubt: np.ndarray) -> None:
        """Takes in the next frame: probabilities `(Q, K)`, and bool `(Q,)`."""

    def read(self, frame: int, in_doubt: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Probabilities of N (query, category) pairs in a frame, float32 `(N,)`; the queries are in doubt there."""


class SpilledProbs:
    """Keeps the rows in doubt in a temporary file, in steps of 1/65535, compressed.

    The step changes a presence by 2e-6 of its value at most, as much as float noise changes the score it is compared
    with.
    """

    def __init__(self, file: SpillFile | None = None) -> None:
        self._file = file or SpillFile()

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self._file.nbytes

    def append(self, class_probs: Tensor, in_doubt: np.ndarray) -> None:
        """See `DoubtfulProbs`."""
        rows = class_probs[torch.from_numpy(in_doubt).to(class_probs.device)]
        steps = (rows.nan_to_num() * _STEPS).round()
        self._file.append(zlib.compress(steps.cpu().numpy().astype(np.uint16).tobytes(), level=1))

    def read(self, frame: int, in_doubt: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `DoubtfulProbs`."""
        steps = np.frombuffer(zlib.decompress(self._file.read(frame)), np.uint16)
        rows = (np.cumsum(in_doubt) - 1)[queries]
        return steps.reshape(in_doubt.sum(), -1)[rows, labels].astype(np.float32) / _STEPS
