"""Masks of a frame from logits to run-length codes, where the logits are.

On a CPU each mask is rendered and coded by itself. On a GPU all are resized and thresholded there, and so is the search
for the places where a mask begins and ends: those places alone reach the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from clipvis_core.tracking.mask_rendering import MaskRenderer, MaskSizes, resize_mask_logits

_PIXELS_AT_ONCE = 2**25  # of all masks that are resized together; 4 bytes each, some times over


class MaskCoder(Protocol):
    """Codes masks on one kind of device."""

    def rows(self, mask_logits: Tensor, queries: Tensor) -> Sequence:
        """Logits of some of the masks `(Q, h, w)` in the form in which they wait for `codes`; queries are int64."""

    def codes(self, rows: Sequence) -> list[bytes | None]:
        """The run-length code of each, or None for a mask without a pixel."""


def mask_coder(sizes: MaskSizes, device: torch.device) -> MaskCoder:
    """The coder for masks on a device."""
    return HostMaskCoder(sizes) if device.type == "cpu" else DeviceMaskCoder(sizes, device)


class HostMaskCoder:
    """By `MaskRenderer` and pycocotools; rows are float32 arrays `(h, w)`."""

    def __init__(self, sizes: MaskSizes) -> None:
        self._renderer = MaskRenderer(sizes)

    def rows(self, mask_logits: Tensor, queries: Tensor) -> np.ndarray:
        """Logits of some of the masks, as they wait for `codes`."""
        return mask_logits[queries].float().numpy()

    def codes(self, rows: Sequence[np.ndarray]) -> list[bytes | None]:
        """The run-length code of each, or None for a mask without a pixel."""
        masks = (self._renderer.render(row) for row in rows)
        return [coco_mask.encode(mask)["counts"] if mask.any() else None for mask in masks]


class DeviceMaskCoder:
    """By PyTorch on the logits' device; rows are tensors `(h, w)` there.

    On a GPU the work goes into a stream of its own, beside the network's. It is given masks that are finished: the
    window's other outputs have been copied to the host before.
    """

    def __init__(self, sizes: MaskSizes, device: torch.device) -> None:
        self._sizes = sizes
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._masks_at_once = max(1, _PIXELS_AT_ONCE // (sizes.output[0] * sizes.output[1]))

    def rows(self, mask_logits: Tensor, queries: Tensor) -> tuple[Tensor, ...]:
        """Logits of some of the masks, as they wait for `codes`."""
        with torch.cuda.stream(self._stream):
            if self._stream is not None:
                mask_logits.record_stream(self._stream)  # else its memory could be given away while it is read
            return mask_logits[queries.to(mask_logits.device)].float().unbind()

    def codes(self, rows: Sequence[Tensor]) -> list[bytes | None]:
        """The run-length code of each, or None for a mask without a pixel."""
        found = []
        with torch.cuda.stream(self._stream):
            for start in range(0, len(rows), self._masks_at_once):
                logits = torch.stack(list(rows[start : start + self._masks_at_once]))
                masks = resize_mask_logits(logits, self._sizes.padded, self._sizes.image, self._sizes.output) > 0
                found += codes_of(masks)
        return found


def codes_of(masks: Tensor) -> list[bytes | None]:
    """Run-length codes of masks, found on their device; None for one without a pixel.

    Args:
        masks: bool `(N, H, W)`.
    """
    number, height, width = masks.shape
    pixels = height * width
    columns = masks.transpose(1, 2).flatten(1)
    changes = columns.clone()  # the first run is of zeros, so that a first pixel inside is a change
    changes[:, 1:] ^= columns[:, :-1]
    places = changes.flatten().nonzero().squeeze(1).cpu().numpy()
    edges = np.searchsorted(places, np.arange(number + 1) * pixels)
    codes = []
    for mask in range(number):
        inside = places[edges[mask] : edges[mask + 1]] - mask * pixels
        runs = np.diff(inside, prepend=0, append=pixels).tolist()
        record = {"size": [height, width], "counts": runs}
        codes.append(coco_mask.frPyObjects(record, height, width)["counts"] if len(inside) else None)
    return codes
