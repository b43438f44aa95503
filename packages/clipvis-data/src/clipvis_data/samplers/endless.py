"""The endless shuffled stream of training indices, and how a resumed run finds its place in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sized

import torch
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import DataLoader, Sampler

from clipvis_data.seeding import StreamIndex


@DATA_SAMPLERS.register_module()
class EndlessSampler(Sampler[int]):
    """Shuffled passes over a dataset, one after the other without end.

    The stream comes from one generator, seeded once with a seed all ranks share; rank k of W takes elements k, k + W,
    k + 2W, ... Each iteration over the sampler starts the stream anew and skips the first `start` elements of its rank,
    so a position in the stream is one number. An element is a `StreamIndex`, which holds the seed of its sample's
    augmentation.

    Args:
        dataset: The dataset (its length is what counts).
        seed: Seed shared by all ranks; None draws one and shares it.
        shuffle: False gives the indices in order, pass after pass.
    """

    def __init__(self, dataset: Sized, seed: int | None = None, shuffle: bool = True) -> None:
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.start = 0

    def epoch(self, generator: torch.Generator) -> torch.Tensor:
        """Indices of one pass in order, before the shuffle."""
        return torch.arange(len(self.dataset))

    def stream(self) -> Iterator[int]:
        """The whole stream of all ranks, from its beginning."""
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            indices = self.epoch(generator)
            if self.shuffle:
                indices = indices[torch.randperm(len(indices), generator=generator)]
            yield from indices.tolist()

    def __iter__(self) -> Iterator[StreamIndex]:
        first = self.rank + self.start * self.world_size
        own = itertools.islice(self.stream(), first, None, self.world_size)
        places = itertools.count(first, self.world_size)
        return (StreamIndex(i, self.seed, place) for i, place in zip(own, places, strict=False))

    def __len__(self) -> int:
        return len(self.dataset)

    def set_epoch(self, epoch: int) -> None:
        """Does nothing: the stream has no epochs. The runner calls it on every sampler."""


def seek(dataloader: DataLoader, batches: int) -> None:
    """Makes the next iteration over a loader begin after a number of batches of this rank.

    Raises:
        TypeError: The loader's sampler is no `EndlessSampler`, with or without `AspectRatioBatches`.
    """
    if hasattr(dataloader.batch_sampler, "start"):
        dataloader.batch_sampler.start = batches
    elif isinstance(dataloader.sampler, EndlessSampler):
        dataloader.sampler.start = batches * dataloader.batch_size
    else:
        raise TypeError(f"{type(dataloader.sampler).__name__} has no position to resume from")
