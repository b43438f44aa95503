"""Outputs of the network for frames, in the form that tracking and scoring take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor


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
    """

    class_probs: Tensor
    ious: Tensor
    object_logits: Tensor
    mask_logits: Tensor
    embeddings: Tensor
    contrast_probs: Tensor | None = None

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

    def on_host(self, *others: Tensor) -> tuple[FrameOutputs, *tuple[Tensor, ...]]:
        """What the tracker works with on the CPU, by one copy from a GPU: all but masks and embeddings, and `others`.

        Args:
            others: More float32 tensors.
        """
        if self.ious.device.type == "cpu":
            return self, *others
        names = ["class_probs", "ious", "object_logits"]
        if self.contrast_probs is not None:
            names.append("contrast_probs")
        small = [getattr(self, name) for name in names]
        copies = one_copy([*small, *self.mask_statistics, *others])
        host = replace(self, **dict(zip(names, copies, strict=False)))
        statistics = slice(len(names), len(names) + 2)
        vars(host)["mask_statistics"] = tuple(copies[statistics])  # the cached property would compute it anew
        return host, *copies[statistics.stop :]


def one_copy(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one dtype on the CPU, by one copy from their device."""
    parts = torch.cat([tensor.flatten() for tensor in tensors]).cpu().split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def mask_statistics(mask_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the sigmoid over the positive cells of masks `(..., h, w)`, and their number, float32 `(...)` each.

    The cells are those of the network's stride 4, padding included.
    """
    positive = mask_logits > 0
    sums = torch.where(positive, mask_logits.sigmoid(), 0.0).flatten(-2).sum(dim=-1)
    return sums, positive.flatten(-2).sum(dim=-1).float()
