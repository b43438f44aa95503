"""Frames to network inputs, as the published test pipeline makes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def resized_size(height: int, width: int, short_side: int, max_long_side: int) -> tuple[int, int]:
    """Size with the shorter side at `short_side`, unless the longer would pass `max_long_side`.

    Example:
        >>> resized_size(720, 1280, 480, 1333)
        (480, 853)
        >>> resized_size(1, 5000, 480, 1333)
        (1, 1333)
    """
    scale = short_side / min(height, width)
    scale = min(scale, max_long_side / max(height, width))
    return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))


def to_input(frames: Sequence[np.ndarray], size: tuple[int, int]) -> Tensor:
    """RGB frames uint8 `(h, w, 3)` to uint8 `(T, 3, *size)`, PIL bilinear (antialiased when shrinking)."""
    height, width = size
    resized = [
        frame if frame.shape[:2] == size else np.asarray(Image.fromarray(frame).resize((width, height), Image.BILINEAR))
        for frame in frames
    ]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).contiguous()
