"""Batches of images that are all wide, or all not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from mmdet.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from .endless import EndlessSampler


@DATA_SAMPLERS.register_module()
class AspectRatioBatches(Sampler[list[int]]):
    """Groups an endless stream into batches whose images are all wider than high, or all not.

    Sizes are those of the files, before augmentation. Each iteration over the batches starts the stream anew and skips
    the first `start` batches.

    Args:
        sampler: The stream; its dataset's records have `width` and `height`.
        batch_size: Images in a batch of this rank.
    """

    def __init__(self, sampler: EndlessSampler, batch_size: int) -> None:
        if not isinstance(sampler, EndlessSampler):
            raise TypeError(f"AspectRatioBatches needs an EndlessSampler, not {type(sampler).__name__}")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        self.sampler = sampler
        self.batch_size = batch_size
        self.start = 0
        # Read once: looking a record up costs more than a draw, and a resumed run replays all draws.
        records = (sampler.dataset.get_data_info(i) for i in range(len(sampler.dataset)))
        self._is_wide = np.array([r["width"] > r["height"] for r in records], bool).tolist()

    def batches(self) -> Iterator[list[int]]:
        """All batches of this rank, from the beginning of the stream."""
        waiting: tuple[list[int], list[int]] = ([], [])
        for index in self.sampler:
            bucket = waiting[self._is_wide[index]]
            bucket.append(index)
            if len(bucket) == self.batch_size:
                yield bucket[:]
                bucket.clear()

    def __iter__(self) -> Iterator[list[int]]:
        return itertools.islice(self.batches(), self.start, None)

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.batch_size)
