"""What regions are called: class probabilities from the encoder's vectors (docs/model.md, equation 12)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from clipvis_core.text.classifier import VocabularyEmbedding


def name_regions(
    regions: Tensor, scale: Tensor | float, asked: VocabularyEmbedding, contrast: VocabularyEmbedding | None
) -> tuple[Tensor, Tensor | None]:
    """Probabilities of K categories, and their logits beside those of M contrast words.

    Args:
        regions: `(..., D)` vectors of masks; one of zeros cannot be named.
        scale: Factor on cosines, the encoder's `logit_scale`.
        asked: The categories.
        contrast: Words that nobody asked for, or None.

    Returns:
        float32 probabilities `(..., K)`, and logits `(..., K + M)` or None. A region that cannot be named is each
        category alike, and none of them beside contrast words: their logits are -inf.
    """
    vectors = scale * F.normalize(regions, dim=-1)
    class_logits = asked.products(vectors)
    beside = None
    if contrast is not None:
        unnamed = ~regions.any(dim=-1, keepdim=True)  # which no word fits
        asked_logits = class_logits.masked_fill(unnamed, float("-inf"))
        beside = torch.cat([asked_logits, contrast.products(vectors)], dim=-1).float()
    return class_logits.float().softmax(dim=-1), beside
