"""Pillow's resampling with the pixels of every Pillow version, computed only where it is needed."""

from __future__ import annotations

import numpy as np
from PIL import Image


def resize_bilinear(
    image: np.ndarray, size: tuple[int, int], crop: tuple[int, int, int, int] | None = None
) -> np.ndarray:
    """Resizes with Pillow's antialiased bilinear filter, and crops.

    Pillow resizes in two passes and rounds to uint8 between them. Up to version 12 it always went
    along the rows first, and so did the published systems; version 13 picks the order by cost,
    which changes grey levels. Asking for one pass at a time fixes the order; besides, columns
    outside the crop are dropped in between. (Pillow's own `box` argument is kept in single
    precision and shifts the filter.)

    Args:
        image: (H, W, 3) uint8.
        size: (height, width) of the whole resized image.
        crop: x0, y0, x1, y1 of the part that is wanted, in the resized image; None for all.

    Returns:
        (height, width, 3) uint8 of the part.
    """
    x0, y0, x1, y1 = crop or (0, 0, size[1], size[0])
    bilinear = Image.Resampling.BILINEAR
    picture = Image.fromarray(image).resize((size[1], image.shape[0]), bilinear)
    if x1 - x0 < size[1]:
        picture = picture.crop((x0, 0, x1, image.shape[0]))
    return np.asarray(picture.resize((x1 - x0, size[0]), bilinear))[y0:y1]


def resize_nearest(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes a (H, W) uint8 bitmap to (height, width), taking the pixel below each centre
    (Pillow's rule)."""
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))
