"""One lasting colour per track."""

from __future__ import annotations

import math
from functools import lru_cache

Color = tuple[int, int, int]
"""RGB, 0 to 255."""

SAFE_COLORS: tuple[Color, ...] = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (0, 158, 115),  # bluish green
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermilion
    (204, 121, 167),  # reddish purple
    (0, 114, 178),  # blue
)
"""Told apart with any kind of colour vision: M. Okabe and K. Ito, "Color universal design" (2008)."""

_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))  # consecutive multiples never come close to each other
_FIRST_HUE = 0.5  # a red
_TONES = ((0.70, 0.19), (0.80, 0.14), (0.62, 0.17))  # (lightness, chroma), taken in turn


@lru_cache(maxsize=4096)
def track_color(track_id: int) -> Color:
    """Colour of a track: the same for the same id, well apart for ids that are near each other.

    Hues advance by the golden angle in OKLCH, a space in which equal steps look equal; the lightness stays in the
    middle, so that every colour shows on dark and on light pictures.

    >>> track_color(1) == track_color(1) != track_color(2)
    True
    """
    lightness, chroma = _TONES[track_id % len(_TONES)]
    hue = _FIRST_HUE + track_id * _GOLDEN_ANGLE
    while not _in_gamut(linear := _oklch_to_linear_rgb(lightness, chroma, hue)):
        chroma *= 0.97
    red, green, blue = (round(255 * _encode(value)) for value in linear)
    return red, green, blue


def hex_color(color: Color) -> str:
    """A colour as style sheets name it.

    >>> hex_color((230, 159, 0))
    '#e69f00'
    """
    return "#{:02x}{:02x}{:02x}".format(*color)


def ink_on(color: Color) -> Color:
    """Near-black or white, whichever has the higher WCAG contrast on `color`."""
    return (16, 16, 16) if luminance(color) > 0.179 else (255, 255, 255)


def luminance(color: Color) -> float:
    """Relative luminance of an sRGB colour (WCAG 2), 0 for black to 1 for white."""
    red, green, blue = (_decode(value / 255) for value in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _oklch_to_linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH to linear sRGB; matrices of B. Ottosson, "A perceptual color space" (2020)."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _in_gamut(linear: tuple[float, float, float]) -> bool:
    return all(0 <= value <= 1 for value in linear)


def _encode(linear: float) -> float:
    """Linear light to sRGB."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _decode(encoded: float) -> float:
    """sRGB to linear light."""
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4
