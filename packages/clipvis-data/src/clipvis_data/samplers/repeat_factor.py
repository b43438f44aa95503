"""Repeat-factor sampling (Gupta et al., "LVIS", 2019): images of rare categories come up more often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from mmdet.registry import DATA_SAMPLERS
from mmengine.dataset import BaseDataset

from .endless import EndlessSampler


@DATA_SAMPLERS.register_module()
class RepeatFactorSampler(EndlessSampler):
    """An endless stream in which image I comes up r(I) times a pass on average.

    A factor of 2.3 means two copies in every pass and a third one with probability 0.3, drawn anew each pass.

    Args:
        dataset: A dataset with `get_cat_ids(index)`.
        threshold: Share of images below which a category is repeated.
        seed: Seed shared by all ranks; None draws one and shares it.
        shuffle: False gives the copies in order.
    """

    def __init__(
        self, dataset: BaseDataset, threshold: float = 0.001, seed: int | None = None, shuffle: bool = True
    ) -> None:
        super().__init__(dataset, seed=seed, shuffle=shuffle)
        labels = (dataset.get_cat_ids(index) for index in range(len(dataset)))
        self.factors = repeat_factors(labels, threshold)

    def epoch(self, generator: torch.Generator) -> torch.Tensor:
        """Indices of one pass in order, each as often as its factor was rounded to."""
        whole = torch.trunc(self.factors)
        draws = torch.rand(len(self.factors), generator=generator)
        copies = whole + (draws < self.factors - whole)
        return torch.repeat_interleave(copies.long())


def repeat_factors(labels_per_image: Iterable[Sequence[int]], threshold: float) -> torch.Tensor:
    """r(I) = max over the categories c of image I of max(1, sqrt(threshold / f(c))); 1 without categories.

    Args:
        labels_per_image: Labels in each image; repeats within an image count once.
        threshold: The t above.

    Returns:
        (N,) float32, at least 1; f(c) is the share of the N images with c.
    """
    labels = [np.unique(np.asarray(labels, np.int64)) for labels in labels_per_image]
    if not labels:
        return torch.ones(0)
    image = np.repeat(np.arange(len(labels)), [len(own) for own in labels])
    label = np.concatenate(labels)
    if not len(label):
        return torch.ones(len(labels))
    share = np.bincount(label) / len(labels)
    with np.errstate(divide="ignore"):
        of_label = np.maximum(1.0, np.sqrt(threshold / share))
    factors = np.ones(len(labels))
    np.maximum.at(factors, image, of_label[label])
    return torch.from_numpy(factors.astype(np.float32))
