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
    """RGB frames uint8 `(h, w, 3)` to uint8 `(T, 3, *size)`, antialiased bilinear."""
    resized = [frame if frame.shape[:2] == size else resize_bilinear(frame, size) for frame in frames]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).contiguous()


def resize_bilinear(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pillow's bilinear filter, along the rows first.

    Pillow rounds between its two passes and since version 13 chooses their order by cost; the published system ran on
    versions that always took the rows first.
    """
    height, width = size
    picture = Image.fromarray(frame).resize((width, frame.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
