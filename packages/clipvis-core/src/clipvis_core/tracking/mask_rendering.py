"""Mask logits of the network to masks at output size, and these to run-length codes.

`resize_mask_logits` is the plain form; `MaskRenderer` does its two resizings and the crop between in one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from clipvis_core.foundation.masks import encode_columns

STRIDE = 4  # of the network's masks
_BLOCK = 64  # output rows or columns computed at once, from about as many / stride / scale cells


@dataclass(frozen=True)
class MaskSizes:
    """Sizes a mask goes through, (H, W) each.

    Attributes:
        padded: Input of the network.
        image: Its part that is image, from the top left corner.
        output: Size of the masks wanted.
    """

    padded: tuple[int, int]
    image: tuple[int, int]
    output: tuple[int, int]

    @property
    def cells(self) -> tuple[int, int]:
        """Size of the network's mask logits."""
        height, width = self.padded
        return height // STRIDE, width // STRIDE


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


class MaskRenderer:
    """Masks at output size from logits at the network's stride.

    Bilinear resizing is linear and separable, so enlarging to the padded input, cropping and resizing to the output
    is one small matrix an axis, of at most three weights a row. Weights are never negative: where no positive cell is
    near there is no mask, and nothing is computed.

    Args:
        sizes: Sizes the mask goes through.
    """

    def __init__(self, sizes: MaskSizes) -> None:
        self.output = sizes.output
        self._rows, self._columns = (
            _AxisBlocks(*axis) for axis in zip(sizes.cells, sizes.padded, sizes.image, sizes.output, strict=True)
        )

    def render(self, logits: np.ndarray) -> np.ndarray:
        """One mask.

        Args:
            logits: float32, of size `sizes.cells`.

        Returns:
            uint8 `(H, W)` at output size, in column-major order, which run-length coding wants without a copy.
        """
        height, width = self.output
        mask = np.zeros((width, height), np.uint8)
        positive = logits > 0
        rows = self._rows.near(positive.any(axis=1))
        columns = self._columns.near(positive.any(axis=0))
        if rows and columns:
            top, bottom = rows[0].start, rows[-1].stop
            tall = np.empty((logits.shape[1], bottom - top), np.float32)
            for block in rows:
                part = logits[block.first : block.last].T @ block.weights.T
                tall[:, block.start - top : block.stop - top] = part
            for block in columns:
                part = block.weights @ tall[block.first : block.last]
                np.greater(part, 0, out=mask[block.start : block.stop, top:bottom])
        return mask.T


@dataclass(frozen=True)
class _Block:
    """Outputs `start` to `stop` of an axis as weights `(stop - start, last - first)` of cells `first` to `last`."""

    start: int
    stop: int
    first: int
    last: int
    weights: np.ndarray


class _AxisBlocks:
    """One axis of the resizing, cut into blocks."""

    def __init__(self, cells: int, padded: int, image: int, output: int) -> None:
        self.matrix = bilinear_weights(image, output) @ bilinear_weights(cells, padded)[:image]

    @cached_property
    def blocks(self) -> list[_Block]:
        """The blocks in order."""
        found = []
        for start in range(0, len(self.matrix), _BLOCK):
            rows = self.matrix[start : start + _BLOCK]
            used = np.flatnonzero(rows.any(axis=0))
            first, last = int(used[0]), int(used[-1]) + 1
            weights = np.ascontiguousarray(rows[:, first:last])
            found.append(_Block(start, start + len(rows), first, last, weights))
        return found

    def near(self, positive: np.ndarray) -> list[_Block]:
        """The run of blocks that may hold mask, given which cells of the axis are positive somewhere."""
        hit = [i for i, block in enumerate(self.blocks) if positive[block.first : block.last].any()]
        return self.blocks[hit[0] : hit[-1] + 1] if hit else []


def bilinear_weights(source: int, target: int) -> np.ndarray:
    """Bilinear resizing of an axis as a matrix, float32 `(target, source)`; pixel centres, edges repeated.

    The numbers are those of `F.interpolate(mode="bilinear", align_corners=False)`.
    """
    scale = np.float32(source / target)
    position = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    position = np.maximum(position, 0)
    low = np.minimum(position.astype(np.int64), source - 1)
    high = np.minimum(low + 1, source - 1)
    share = position - low.astype(np.float32)
    matrix = np.zeros((target, source), np.float32)
    np.add.at(matrix, (np.arange(target), low), 1 - share)
    np.add.at(matrix, (np.arange(target), high), share)
    return matrix
