"""Mask logits of the network to masks at output size, as run-length codes."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from pycocotools import mask as coco_mask
from torch import Tensor


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
    """Masks `(N, H, W)`, bool, to compressed RLE records with `counts` as str, ready for JSON.

    The masks are handed over as (N, W, H) in memory, pycocotools' own order, so that it makes no copy.
    """
    columns = masks.transpose(-1, -2).contiguous().to("cpu").numpy().view(np.uint8)
    records = coco_mask.encode(columns.transpose(2, 1, 0))
    for record in records:
        record["counts"] = record["counts"].decode("ascii")
    return records
