"""Scores of the queries of a single image (docs/model.md, equation 13)."""

from __future__ import annotations

from torch import Tensor

from clipvis_core.tracking.track_scores import TopPairs


def top_image_pairs(class_probs: Tensor, ious: Tensor, object_logits: Tensor, k: int) -> TopPairs:
    """The `k` best (query, category) pairs of an image (all, if there are fewer), before mask quality.

    Args:
        class_probs: `(Q, K)`.
        ious: `(Q,)`.
        object_logits: `(Q, 2)`; 0 = object.
        k: Most pairs.
    """
    objectness = object_logits.softmax(dim=-1)[:, :1]
    scores = (class_probs * ious.unsqueeze(-1) * objectness).sqrt().nan_to_num(nan=0.0)
    top, pairs = scores.flatten().topk(min(k, scores.numel()))
    return TopPairs(pairs // scores.shape[1], pairs % scores.shape[1], top)


def rank_image_pairs(pairs: TopPairs, quality: Tensor) -> tuple[Tensor, Tensor]:
    """Final scores of N pairs, best first, and the place of each among `pairs`, `(N,)` each.

    Args:
        pairs: The best pairs before mask quality.
        quality: `(N,)`, mean sigmoid in the mask of each at the picture's size.
    """
    scores = pairs.class_scores * quality
    order = scores.argsort(descending=True, stable=True)
    return scores[order], order
