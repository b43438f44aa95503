"""What regions are called: class probabilities from the encoder's vectors (docs/model.md, equation 12)."""

from __future__ import annotations

import torch
from torch import Tensor

from clipvis_core.text.classifier import VocabularyEmbedding


def name_regions(
    regions: Tensor, scale: Tensor | float, asked: VocabularyEmbedding, contrast: VocabularyEmbedding | None
) -> tuple[Tensor, Tensor | None]:
    """Probabilities of K categories, alone and beside M contrast words.

    Args:
        regions: `(..., D)` vectors of masks; one of zeros cannot be named.
        scale: Factor on cosines, the encoder's `logit_scale`.
        asked: The categories.
        contrast: Words that nobody asked for, or None.

    Returns:
        float32 `(..., K)`, and `(..., K + M)` or None. A region that cannot be named is each category alike, and none
        of them beside contrast words.
    """
    class_logits = asked.logits(regions, scale)
    contrast_probs = None
    if contrast is not None:
        unnamed = (regions == 0).all(dim=-1, keepdim=True)  # which no word fits
        asked_logits = class_logits.masked_fill(unnamed, float("-inf"))
        contrast_logits = contrast.logits(regions, scale)
        contrast_probs = torch.cat([asked_logits, contrast_logits], dim=-1).float().softmax(dim=-1)
    return class_logits.float().softmax(dim=-1), contrast_probs
