"""Frames of a video that are nearly the last one again, and need not go through the network."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from clipvis_core.tracking.outputs import FrameOutputs

BLOCK = 16  # pixels; a mean over the whole frame would hide what moves in a small part of it


class FrameReuse:
    """Outputs of one video's frames, in order; those of a near-identical frame are the last that were computed.

    A frame is near-identical if no block of 16x16 pixels differs by more than `within` grey levels, on average over its
    pixels and colours. It is compared with the last frame that went through the network, not with the one before it:
    small steps add up.

    Args:
        outputs: The network, see `CLIPVISModel.outputs`.
        within: Grey levels of 0 to 255; with 0 a frame must be the same.
        std: What the preprocessor divided grey levels by, `(3, 1, 1)`, or one number.

    Example:
        outputs = FrameReuse(model.outputs, 4, model.data_preprocessor.std)
        for images in windows:
            tracker.send(outputs(images))
    """

    def __init__(self, outputs: Callable[[Tensor], FrameOutputs], within: float, std: Tensor | float) -> None:
        self._compute = outputs
        self._within = within
        self._std = std
        self._last: tuple[Tensor, FrameOutputs] | None = None

    def __call__(self, images: Tensor) -> FrameOutputs:
        """Outputs for the next frame, normalised and padded `(1, 3, H, W)`.

        Raises:
            InputError: As the network.
            ValueError: These are several frames.
        """
        if len(images) != 1:
            raise ValueError(f"frames are compared one at a time, not {len(images)} at once: use a window of 1")
        if self._last is None or self._difference(images, self._last[0]) > self._within:
            self._last = images, self._compute(images)
        return self._last[1]

    def _difference(self, images: Tensor, others: Tensor) -> float:
        """Greatest mean difference of a block, in grey levels."""
        levels = ((images - others) * self._std).abs().mean(dim=1)
        return F.avg_pool2d(levels, BLOCK).max().item()
