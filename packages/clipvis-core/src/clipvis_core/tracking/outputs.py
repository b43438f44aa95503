"""Outputs of the network for frames, in the form that tracking and scoring take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from clipvis_core.tracking.frame_features import FrameFeatures


@dataclass(frozen=True)
class FrameOutputs:
    """Outputs for n images or consecutive frames, float32, queries in the network's order.

    Attributes:
        class_probs: `(n, Q, K)`, softmax over the categories.
        ious: `(n, Q)` in [0, 1].
        object_logits: `(n, Q, 2)`; 0 = object.
        mask_logits: `(n, Q, h, w)` at stride 4, padding included.
        embeddings: `(n, Q, C)`.
        contrast_probs: `(n, Q, K + M)`, softmax over the K categories and M contrast words; None without such words.
        regions: `(n, Q, D)`, the encoder's vectors of the masks, which words are compared with; None where there is no
            encoder.
    """

    class_probs: Tensor
    ious: Tensor
    object_logits: Tensor
    mask_logits: Tensor
    embeddings: Tensor
    contrast_probs: Tensor | None = None
    regions: Tensor | None = None

    @cached_property
    def mask_statistics(self) -> tuple[Tensor, Tensor]:
        """Sum of the sigmoid over the positive cells of each mask, and their number, `(n, Q)` each."""
        return mask_statistics(self.mask_logits)

    def rows(self, t: int, order: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What the scores need of frame `t`, its queries in another order.

        Args:
            t: Place of the frame in this object.
            order: int64 `(Q,)`, the query that comes to each row.

        Returns:
            Class probabilities `(Q, K)`, IoUs `(Q,)`, object logits `(Q, 2)`, mask sums and mask cells `(Q,)`.
        """
        values = (self.class_probs, self.ious, self.object_logits, *self.mask_statistics)
        return tuple(value[t][order] for value in values)

    def features(self, t: int, order: Tensor) -> FrameFeatures:
        """What asking for other words needs of frame `t`, its queries in another order, on the host."""
        values = (self.regions, self.ious, self.object_logits, *self.mask_statistics)
        on_host = (value[t][order].float().cpu().numpy() for value in values)
        return FrameFeatures(*on_host, permutation=order.cpu().numpy().astype(np.int16))


def mask_statistics(mask_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the sigmoid over the positive cells of masks `(..., h, w)`, and their number, float32 `(...)` each.

    The cells are those of the network's stride 4, padding included.
    """
    positive = mask_logits > 0
    sums = torch.where(positive, mask_logits.sigmoid(), 0.0).flatten(-2).sum(dim=-1)
    return sums, positive.flatten(-2).sum(dim=-1).float()
