"""Track scores: running sums over a video's frames, then the top (query, category) pairs (METHOD section 7)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: A frame of a track is shown if its presence reaches this share of the track's score.
PRESENCE_SHARE = 0.1


@dataclass(frozen=True)
class FrameOutputs:
    """One frame's outputs, float32, one row a query.

    Attributes:
        class_probs: `(Q, K)`, softmax over the categories.
        ious: `(Q,)` in [0, 1].
        object_logits: `(Q, 2)`; 0 = object.
        mask_logits: `(Q, h, w)` at stride 4, padding included.
    """

    class_probs: Tensor
    ious: Tensor
    object_logits: Tensor
    mask_logits: Tensor

    def permuted(self, order: Tensor) -> FrameOutputs:
        """The same with row i taken from row `order[i]`."""
        return FrameOutputs(
            self.class_probs[order],
            self.ious[order],
            self.object_logits[order],
            self.mask_logits[order],
        )


@dataclass(frozen=True)
class TopTracks:
    """The N best (query, category) pairs of a video, best first.

    Attributes:
        queries: int64 `(N,)`, track index; one query may stand here under several categories.
        labels: int64 `(N,)`, 0-based.
        class_scores: `(N,)`, track score before mask quality.
        scores: `(N,)`, reported score.
        hidden: bool `(N, T)`, frames in which the pair's mask is empty because its presence is too low.
    """

    queries: Tensor
    labels: Tensor
    class_scores: Tensor
    scores: Tensor
    hidden: Tensor


class TrackScores:
    """Collects what the scores need of each frame; masks themselves are not kept."""

    def __init__(self) -> None:
        self._class_sum: Tensor | None = None
        self._object_sum: Tensor | None = None
        self._class_probs: list[Tensor] = []
        self._object_probs: list[Tensor] = []
        self._quality_sums: list[Tensor] = []
        self._pixel_counts: list[Tensor] = []

    def __len__(self) -> int:
        """T, the number of frames so far."""
        return len(self._class_probs)

    def update(self, frame: FrameOutputs) -> None:
        """Adds the next frame, its rows in track order."""
        object_logits = frame.object_logits
        joint = (frame.class_probs * frame.ious.unsqueeze(-1)).sqrt()
        self._class_sum = joint if self._class_sum is None else self._class_sum + joint
        self._object_sum = (
            object_logits if self._object_sum is None else self._object_sum + object_logits
        )
        self._class_probs.append(frame.class_probs)
        self._object_probs.append(object_logits.softmax(dim=-1)[:, 0])
        positive = frame.mask_logits > 0
        self._quality_sums.append((frame.mask_logits.sigmoid() * positive).flatten(1).sum(dim=1))
        self._pixel_counts.append(positive.flatten(1).sum(dim=1))

    def scores(self) -> Tensor:
        """Track scores before mask quality, `(Q, K)`: sqrt(mean sqrt(p IoU) * softmax(mean object logits)).

        A track whose outputs are not finite scores 0.
        """
        if self._class_sum is None:
            raise ValueError("no frame has been added")
        objectness = (self._object_sum / len(self)).softmax(dim=-1)[:, :1]
        return (self._class_sum / len(self) * objectness).sqrt().nan_to_num(nan=0.0, posinf=0.0)

    def top(self, k: int) -> TopTracks:
        """The `k` best pairs (all, if there are fewer), sorted by reported score."""
        scores = self.scores()
        class_scores, pairs = scores.flatten().topk(min(k, scores.numel()))
        queries, labels = pairs // scores.shape[1], pairs % scores.shape[1]

        class_probs = torch.stack([probs[queries, labels] for probs in self._class_probs], dim=1)
        object_probs = torch.stack([probs[queries] for probs in self._object_probs], dim=1)
        # The published gate takes the sigmoid of a probability; it is part of the method as released.
        presence = (class_probs.sigmoid() * object_probs).sqrt()
        hidden = presence < PRESENCE_SHARE * class_scores.unsqueeze(1)

        shown = ~hidden
        quality_sum = (torch.stack(self._quality_sums, dim=1)[queries] * shown).sum(dim=1)
        pixel_count = (torch.stack(self._pixel_counts, dim=1)[queries] * shown).sum(dim=1)
        reported = (class_scores * quality_sum / (pixel_count + 1e-6)).nan_to_num(nan=0.0)
        order = reported.argsort(descending=True, stable=True)
        return TopTracks(
            queries[order], labels[order], class_scores[order], reported[order], hidden[order]
        )
