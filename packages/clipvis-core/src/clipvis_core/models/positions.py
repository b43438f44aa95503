"""Position encodings of feature maps, kept while the sizes stay the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Size = tuple[int, int]


class ScalePositions:
    """Encodings of several scales as tokens; frames of a video, and images of one size, share them.

    Args:
        encoding: mmdet's `SinePositionalEncoding`, or one called like it: a padding mask `(1, H, W)` to
            `(1, C, H, W)`. It must have no parameters.
    """

    def __init__(self, encoding: nn.Module) -> None:
        self.encoding = encoding
        self._made_for: tuple | None = None
        self._tokens: list[Tensor] = []

    def __call__(self, sizes: tuple[Size, ...], like: Tensor) -> list[Tensor]:
        """`(1, HW, C)` of each scale, on the device and of the dtype of `like`."""
        wanted = (sizes, like.device, like.dtype)
        if self._made_for != wanted:
            with torch.inference_mode(False):  # else they would be of no use in training
                self._tokens = [self._encode(size, like) for size in sizes]
            self._made_for = wanted
        return self._tokens

    def _encode(self, size: Size, like: Tensor) -> Tensor:
        no_padding = torch.zeros((1, *size), dtype=torch.bool, device=like.device)
        return self.encoding(no_padding).flatten(2).transpose(1, 2).to(like.dtype).contiguous()
