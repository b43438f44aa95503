"""Images as RGB, their sizes and orientation, and Pillow's resampling with the pixels of every Pillow version."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

_ORIENTATION = 0x0112  # EXIF tag
_TURNED = (5, 6, 7, 8)  # its values that swap height and width
_GROUND = (255, 255, 255)  # what shows through transparent pixels


def turned_size(image: Image.Image) -> tuple[int, int]:
    """(height, width) of an opened image after the turn its EXIF tag asks for; decodes nothing."""
    width, height = image.size
    return (width, height) if image.getexif().get(_ORIENTATION) in _TURNED else (height, width)


def rgb_of(image: Image.Image) -> np.ndarray:
    """An opened image as it is shown; inference, training and checking read images by this one rule.

    EXIF orientation is applied, transparent pixels lie on white, and grey samples of more than 8 bits are cut to 8:
    they count as 12 bits where none is over 4095, else as 16.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        ValueError: Its samples are floating-point numbers, whose range nobody knows.
        OSError, SyntaxError: Pillow cannot decode it.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("floating-point samples; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        samples = np.asarray(image).astype(np.int64)
        eight = (samples >> (4 if samples.max() < 4096 else 8)).clip(0, 255).astype(np.uint8)
        return np.repeat(eight[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        return on_ground(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def on_ground(rgba: np.ndarray) -> np.ndarray:
    """RGBA uint8 (H, W, 4) composed on white: RGB uint8 (H, W, 3)."""
    ground = Image.new("RGBA", rgba.shape[1::-1], (*_GROUND, 255))
    return np.array(Image.alpha_composite(ground, Image.fromarray(rgba)).convert("RGB"))


def resized_size(height: int, width: int, short_side: int, max_long_side: int) -> tuple[int, int]:
    """(height, width) with the shorter side at `short_side`, or less to keep the longer one within `max_long_side`.

    The published rule: the longer side is scaled twice where it has to be cut, and each size is rounded half up. No
    side falls below one pixel.

    Example:
        >>> resized_size(720, 1280, 480, 1333)
        (480, 853)
        >>> resized_size(1, 5000, 480, 1333)
        (1, 1333)
    """
    scale = short_side / min(height, width)
    new_height, new_width = (short_side, scale * width) if height < width else (scale * height, short_side)
    longest = max(new_height, new_width)
    if longest > max_long_side:
        scale = max_long_side / longest
        new_height, new_width = new_height * scale, new_width * scale
    return max(1, int(new_height + 0.5)), max(1, int(new_width + 0.5))


def resize_bilinear(
    image: np.ndarray, size: tuple[int, int], crop: tuple[int, int, int, int] | None = None
) -> np.ndarray:
    """Resizes with Pillow's antialiased bilinear filter, along the rows first, and crops.

    Pillow rounds to uint8 between its two passes. Up to version 12 it always went along the rows first, and so did
    the published systems; version 13 picks the order by cost, which changes grey levels. One pass at a time fixes the
    order; besides, columns outside the crop are dropped in between. (Pillow's own `box` argument is kept in single
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
    """Resizes a (H, W) uint8 bitmap to (height, width), taking the pixel below each centre (Pillow's rule)."""
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))


def natural_key(path: Path) -> tuple[list[str | int], str]:
    """Sorting key that compares runs of digits as numbers.

    >>> [p.name for p in sorted(map(Path, ["f10.png", "f2.png", "F1.png"]), key=natural_key)]
    ['F1.png', 'f2.png', 'f10.png']
    """
    parts = re.split(r"(\d+)", path.stem.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], path.name
