"""Outputs of the network for frames, in the form that tracking and scoring take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
        contrast_logits: `(n, Q, K + M)`, scaled cosines of the K categories and M contrast words; -inf for the
            categories of a mask that cannot be named. None without contrast words.
        regions: `(n, Q, D)`, the encoder's vectors of the masks, which words are compared with; None where there is no
            encoder.
    """

    class_probs: Tensor
    ious: Tensor
    object_logits: Tensor
    mask_logits: Tensor
    embeddings: Tensor
    contrast_logits: Tensor | None = None
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

    def to_host(self, *others: Tensor) -> OutputsOnTheWay:
        """Begins to bring what the tracker works with to the CPU: all but masks and embeddings, and `others`.

        Args:
            others: More float32 tensors.
        """
        return OutputsOnTheWay(self, others, copied=self.ious.device.type != "cpu")

    def features(self, t: int, order: Tensor) -> FrameFeatures:
        """What asking for other words needs of frame `t`, its queries in another order, on the host."""
        values = (self.regions, self.ious, self.object_logits, *self.mask_statistics)
        on_host = (value[t][order].float().cpu().numpy() for value in values)
        return FrameFeatures(*on_host, permutation=order.cpu().numpy().astype(np.int16))


class OutputsOnTheWay:
    """Outputs of a window that go to the CPU by one copy, while a GPU goes on with other work; see `to_host`."""

    def __init__(self, outputs: FrameOutputs, others: Sequence[Tensor], *, copied: bool) -> None:
        self._outputs = outputs
        self._others = others
        names = ("class_probs", "ious", "object_logits", "contrast_logits", "regions")
        self._names = [name for name in names if getattr(outputs, name) is not None]
        self._copy = None
        if copied:
            fields = [getattr(outputs, name) for name in self._names]
            self._copy = HostCopy([*outputs.mask_statistics, *fields, *others])

    def arrived(self) -> tuple[FrameOutputs, *tuple[Tensor, ...]]:
        """Waits for the copy: outputs with all fields but masks and embeddings on the CPU, and the other tensors."""
        if self._copy is None:
            return self._outputs, *self._others
        sums, cells, *copies = self._copy.wait()
        count = len(self._names)
        host = replace(self._outputs, **dict(zip(self._names, copies[:count], strict=True)))
        vars(host)["mask_statistics"] = sums, cells  # the cached property would compute it anew
        return host, *copies[count:]


class HostCopy:
    """Tensors that go to the CPU by one copy from their device, in the widest of their precisions."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._shapes = [tensor.shape for tensor in tensors]
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        self._flat = flat.to("cpu", non_blocking=flat.is_cuda)  # into pinned memory, where it is not waited for
        self._done = None
        if flat.is_cuda and torch.cuda.is_available():  # a fake tensor needs no GPU
            self._done = torch.cuda.Event()
            self._done.record()

    def wait(self) -> list[Tensor]:
        """The tensors on the CPU."""
        if self._done is not None:
            self._done.synchronize()
        parts = self._flat.split([shape.numel() for shape in self._shapes])
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]


def mask_statistics(mask_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the sigmoid over the positive cells of masks `(..., h, w)`, and their number, float32 `(...)` each.

    The cells are those of the network's stride 4, padding included.
    """
    positive = mask_logits > 0
    sums = torch.where(positive, mask_logits.sigmoid(), 0.0).flatten(-2).sum(dim=-1)
    return sums, positive.flatten(-2).sum(dim=-1).float()
