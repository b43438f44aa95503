"""Backgrounds of EmojiVIS: procedural textures in families, or a folder of the user's photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from clipvis_core.foundation.errors import InputError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

Painter = Callable[[np.random.Generator, int, int], np.ndarray]
"""From generator, height and width to values in [0, 1], (height, width), or a (height, width, 3) uint8 picture."""


def paint(family: str, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A texture of a family, in random colours.

    Args:
        family: A name of `FAMILIES`.
        rng: Decides everything about it.
        height: Height in pixels.
        width: Width in pixels.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    drawn = FAMILIES[family](rng, height, width)
    return drawn if drawn.ndim == 3 else tint(rng, drawn)


def tint(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Values (H, W) in [0, 1] to RGB, between two or three random colours."""
    stops = random_colours(rng, int(rng.integers(2, 4)))
    ramp = np.linspace(0.0, 1.0, len(stops))
    table = np.stack([np.interp(np.linspace(0, 1, 256), ramp, stops[:, c]) for c in range(3)], -1)
    return cv2.applyColorMap((values * 255).astype(np.uint8), table.astype(np.uint8)[:, None])


def random_colours(rng: np.random.Generator, number: int) -> np.ndarray:
    """Random colours of like saturation, (number, 3) float in [0, 255]."""
    grey = rng.uniform(30, 225, (number, 1))
    return np.clip(grey + rng.normal(0, rng.uniform(5, 70), (number, 3)), 0, 255)


def noise(rng: np.random.Generator, height: int, width: int, slope: float = 1.0) -> np.ndarray:
    """Noise of several octaves in [0, 1], (height, width) float32; a larger `slope` is smoother."""
    total = np.zeros((height, width), np.float32)
    for octave in range(5):
        rows, columns = 2 ** (octave + 1) + 1, 2 ** (octave + 1) + 2
        coarse = rng.random((rows, columns), np.float32) - 0.5
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * float(2.0 ** (-slope * octave))
    return _normalised(total)


def clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise from rough to smooth."""
    return noise(rng, height, width, slope=rng.uniform(0.2, 1.4))


def gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A slope across the picture, with a little noise."""
    return _normalised(_ramp(rng, height, width) + 0.15 * noise(rng, height, width))


def stripes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Stripes at an angle, sharp or soft, bent by noise."""
    phase = _ramp(rng, height, width) * rng.uniform(3, 14) + rng.uniform(0, 2) * noise(rng, height, width)
    return 0.5 + 0.5 * np.clip(np.sin(2 * np.pi * phase) * rng.uniform(1, 6), -1, 1)


def marble(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Veins: a sine of strongly bent distance."""
    phase = _ramp(rng, height, width) * rng.uniform(1, 4) + 3 * noise(rng, height, width, 0.8)
    return np.abs(np.sin(2 * np.pi * phase)).astype(np.float32)


def cells(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Voronoi cells of random shades."""
    number = int(rng.integers(8, 60))
    image = np.full((height, width), 255, np.uint8)
    sites = (rng.random((number, 2)) * (height, width)).astype(int)
    image[sites[:, 0], sites[:, 1]] = 0
    _, labels = cv2.distanceTransformWithLabels(image, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    return rng.random(int(labels.max()) + 1, np.float32)[labels]


def leaves(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Dead leaves: shapes of all sizes over one another, whose statistics are near those of photographs."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = random_colours(rng, 1)[0]
    colours = random_colours(rng, 64)
    radii = np.sort(0.03 * rng.random(64) ** -0.6)[::-1].clip(0, 0.5) * height
    for colour, radius in zip(colours, radii, strict=True):
        centre = rng.random(2) * (width, height)
        polygon = _blob(rng, centre, radius)
        cv2.fillPoly(picture, [polygon], colour.tolist(), lineType=cv2.LINE_AA)
    grain = noise(rng, height, width, 0.3)[..., None]
    return (picture * (0.75 + 0.25 * grain)).astype(np.uint8)


def confetti(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Many small lines and dots on a plain ground."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = random_colours(rng, 1)[0]
    size = int(rng.integers(1, 5))
    for colour in random_colours(rng, 80):
        start = (rng.random(2) * (width, height)).astype(int)
        end = (start + rng.normal(0, 5 * size, 2)).astype(int)
        cv2.line(picture, start.tolist(), end.tolist(), colour.tolist(), size, cv2.LINE_AA)
    return picture


def tiles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A grid of tiles of random shades with joints, rows shifted as in a wall or not."""
    rows, columns = int(rng.integers(3, 10)), int(rng.integers(3, 10))
    y = np.arange(height)[:, None] * rows / height
    shift = rng.choice([0.0, 0.5]) * (y.astype(int) % 2)
    x = np.arange(width)[None] * columns / width + shift
    shades = rng.random((rows, columns + 1), np.float32)[y.astype(int), x.astype(int)]
    joint = (y % 1 < 0.06) | (x % 1 < 0.06)
    return np.where(joint, np.float32(rng.random()), shades)


def waves(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Rings around several centres, added up."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    total = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(2, 5))):
        cy, cx = rng.uniform(-0.3, 1.6, 2).astype(np.float32)
        total += np.sin(np.hypot(y - cy, x - cx) * np.float32(rng.uniform(8, 50)))
    return _normalised(total)


def shards(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """The plane cut by random lines, each side of each cut a little lighter or darker."""
    total = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(4, 14))):
        total += (_ramp(rng, height, width) > rng.uniform(0.2, 0.8)) * np.float32(rng.normal())
    return _normalised(total + 0.1 * noise(rng, height, width))


FAMILIES: dict[str, Painter] = {
    painter.__name__: painter
    for painter in (clouds, gradient, stripes, marble, cells, leaves, confetti, tiles, waves, shards)
}
TRAIN_FAMILIES = ("clouds", "gradient", "stripes", "marble", "cells", "leaves", "confetti")
TEST_FAMILIES = ("tiles", "waves", "shards")
"""Families of validation and test clips, which training never shows."""


def _ramp(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Values from 0 to 1 along a random direction, (height, width) float32."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    return _normalised(x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)))


def _normalised(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, np.float32(1e-6))


def _blob(rng: np.random.Generator, centre: np.ndarray, radius: float) -> np.ndarray:
    """Corners of a polygon around a centre, (n, 2) int32: from a splinter to nearly a circle."""
    number = int(rng.integers(3, 12))
    angles = (np.arange(number) + rng.uniform(0, 0.8, number)) * (2 * np.pi / number)
    reach = radius * rng.uniform(0.6, 1.0, number)
    corners = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.round(corners).astype(np.int32)


class Photos:
    """Random parts of the photos in a folder.

    Args:
        folder: Folder whose image files (not those of its folders) are used, in sorted order.

    Raises:
        InputError: There is no such folder, or no image in it.
    """

    def __init__(self, folder: str | Path) -> None:
        root = Path(folder)
        if not root.is_dir():
            raise InputError(f"folder of backgrounds {root} does not exist")
        self.paths: Sequence[Path] = sorted(path for path in root.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
        if not self.paths:
            raise InputError(f"{root} has no picture ({', '.join(PHOTO_SUFFIXES)})")

    def crop(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """A part of one photo, (height, width, 3) uint8 RGB.

        Raises:
            InputError: The chosen file is no image.
        """
        path = self.paths[int(rng.integers(len(self.paths)))]
        try:
            with Image.open(path) as picture:
                photo = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"background {path} cannot be read (damaged?): {error}") from None
        scale = max(height / photo.shape[0], width / photo.shape[1])
        scale *= rng.uniform(1.0, max(1.0, min(2.0, 1 / scale)))
        size = [max(low, round(s * scale)) for s, low in zip(photo.shape, (height, width), strict=False)]
        small = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA)
        y, x = (int(rng.integers(s - low + 1)) for s, low in zip(size, (height, width), strict=True))
        return small[y : y + height, x : x + width]
