"""Sine positions of feature maps (Carion et al., DETR, ECCV 2020), kept while the sizes stay the same."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

Size = tuple[int, int]

_TEMPERATURE = 10000
_FULL_TURN = 2 * math.pi


@lru_cache(maxsize=8)
def sine_positions(
    sizes: tuple[Size, ...], channels: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, ...]:
    """Positions of the cells of several scales.

    Args:
        sizes: H and W of each scale.
        channels: C, a multiple of 4: one half for y and one for x.
        dtype: Of the result; the computation is in float32.
        device: Where the result lies.

    Returns:
        `(1, HW, C)` for each scale.
    """
    with torch.inference_mode(False):  # else the kept tensors would be of no use in training
        return tuple(_encode(size, channels, device).to(dtype) for size in sizes)


def _encode(size: Size, channels: int, device: torch.device) -> Tensor:
    half = channels // 2
    index = torch.arange(half, dtype=torch.float32, device=device)
    wavelengths = _TEMPERATURE ** (2 * (index // 2) / half)
    axes = []
    for side in size:
        places = torch.arange(1, side + 1, dtype=torch.float32, device=device)
        angles = (places / (places[-1] + 1e-6) * _FULL_TURN)[:, None] / wavelengths
        axes.append(torch.stack((angles[:, 0::2].sin(), angles[:, 1::2].cos()), dim=2).flatten(1))
    y, x = axes
    height, width = size
    both = torch.cat((y[:, None].expand(height, width, half), x[None].expand(height, width, half)), dim=-1)
    return both.flatten(0, 1).unsqueeze(0)
