"""Frames to network inputs, as the published test pipeline makes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clipvis_core.foundation.images import resize_bilinear


def to_input(frames: Sequence[np.ndarray], size: tuple[int, int]) -> Tensor:
    """RGB frames uint8 `(h, w, 3)` to uint8 `(T, 3, *size)`, antialiased bilinear."""
    resized = [frame if frame.shape[:2] == size else resize_bilinear(frame, size) for frame in frames]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).contiguous()
