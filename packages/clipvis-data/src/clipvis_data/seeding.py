"""Random draws that depend on the place in a run and not on what was drawn before.

Augmentation draws from global generators, in worker processes that fetch ahead and that a resumed run starts anew. So
each training sample seeds them itself, from its position in the stream of samples: a resumed run draws what an
undisturbed one would have drawn, with any number of workers.
"""

from __future__ import annotations

import random

import numpy as np
import torch


class StreamIndex(int):
    """The index of a dataset's record, with its place in the stream of training samples.

    Attributes:
        seed: Seed of the stream.
        position: Number of samples before this one in the stream of all ranks.
    """

    seed: int
    position: int

    def __new__(cls, index: int, seed: int, position: int) -> StreamIndex:
        self = super().__new__(cls, index)
        self.seed = seed
        self.position = position
        return self

    def __reduce__(self) -> tuple:
        return StreamIndex, (int(self), self.seed, self.position)

    def __sub__(self, offset: int) -> StreamIndex:
        """The same sample counted from another record: mmengine's `ConcatDataset` asks for it."""
        return StreamIndex(int(self) - offset, self.seed, self.position)


class SeededItems:
    """Mix-in of datasets: an item asked for by a `StreamIndex` is drawn from a seed of its own.

    A plain index draws from the global generators as they are.
    """

    def __getitem__(self, index: int) -> dict:
        if isinstance(index, StreamIndex):
            seed_generators(index.seed, index.position)
        return super().__getitem__(index)


def seed_generators(seed: int, *place: int) -> None:
    """Seeds the global generators of Python, NumPy and torch (all devices).

    Args:
        seed: Seed of the whole run, at least 0.
        *place: Whole numbers of at least 0 that identify a place in the run.
    """
    words = np.random.SeedSequence(seed, spawn_key=place).generate_state(4)
    np.random.seed(words)
    number = int.from_bytes(words.tobytes(), "little")
    random.seed(number)
    torch.manual_seed(number & (2**63 - 1))
