"""Mask logits of the network to masks at output size, as run-length codes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from clipvis_core.foundation.masks import encode_columns


def resize_mask_logits(
    logits: Tensor, padded_size: tuple[int, int], image_size: tuple[int, int], output_size: tuple[int, int]
) -> Tensor:
    """Bilinear twice, with the padding cut between: network stride -> padded input -> crop -> output.

    Doing it in one step, or thresholding earlier, changes pixels.

    Args:
        logits: `(N, h, w)` at stride 4.
        padded_size: Network input (H, W).
        image_size: Its part that is image, from the top left corner.
        output_size: Size wanted.

    Returns:
        float `(N, *output_size)`; the mask is where it is > 0.
    """
    if not len(logits):  # interpolate refuses an empty batch
        return logits.new_empty((0, *output_size))
    height, width = image_size
    x = F.interpolate(logits.unsqueeze(0), size=padded_size, mode="bilinear", align_corners=False)
    x = x[..., :height, :width]
    return F.interpolate(x, size=output_size, mode="bilinear", align_corners=False).squeeze(0)


def encode_masks(masks: Tensor) -> list[dict]:
    """Masks `(N, H, W)`, bool, to compressed RLE records with `counts` as str, ready for JSON."""
    return encode_columns(masks.transpose(-1, -2).contiguous().to("cpu").numpy())
