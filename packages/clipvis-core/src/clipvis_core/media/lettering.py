"""Labels on a picture: a line of text on a plate of its own colour, placed where there is room.

The text is drawn by OpenCV 5, whose built-in fonts know the Latin, Greek, Cyrillic, Arabic and CJK
scripts; a character that they do not know is drawn as a question mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from clipvis_core.media.palette import Color, ink_on

Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are outside

_WEIGHT = 500  # of the variable font: between regular (400) and semi-bold (600)
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Plate:
    """A line of text with its size on the picture.

    Attributes:
        text: What is written; shortened with an ellipsis where it was too long.
        font_size: Height of the letters' line, in pixels.
        width: Width of the plate, in pixels.
        height: Height of the plate, in pixels.
    """

    text: str
    font_size: int
    width: int
    height: int

    @property
    def padding(self) -> int:
        """Free space left and right of the text, in pixels."""
        return max(1, self.font_size // 3)

    def draw(self, image: np.ndarray, left: int, top: int, color: Color) -> None:
        """Draws the plate and its text into `image` (H, W, 3) uint8, in place."""
        right, bottom = left + self.width - 1, top + self.height - 1
        radius = self.height // 6
        cv2.rectangle(image, (left + radius, top), (right - radius, bottom), color, cv2.FILLED)
        cv2.rectangle(image, (left, top + radius), (right, bottom - radius), color, cv2.FILLED)
        for corner_x in (left + radius, right - radius):
            for corner_y in (top + radius, bottom - radius):
                cv2.circle(image, (corner_x, corner_y), radius, color, cv2.FILLED, cv2.LINE_AA)
        baseline = top + round(0.78 * self.height)
        cv2.putText(image, self.text, (left + self.padding, baseline), ink_on(color), _font(), self.font_size, _WEIGHT)


@lru_cache(maxsize=1024)
def make_plate(text: str, font_size: int, max_width: int) -> Plate | None:
    """The plate for a text, the text shortened to fit; `None` where not even one letter fits."""
    text = " ".join(text.split()).encode("utf-8", "replace").decode()  # OpenCV crashes on lone surrogates
    padding = max(1, font_size // 3)
    if _text_width(text, font_size) + 2 * padding > max_width:
        for length in range(min(len(text) - 1, max_width), 0, -1):
            shorter = text[:length].rstrip() + _ELLIPSIS
            if _text_width(shorter, font_size) + 2 * padding <= max_width:
                text = shorter
                break
        else:
            return None
    width = _text_width(text, font_size) + 2 * padding
    return Plate(text, font_size, width, height=round(1.35 * font_size))


def place(
    plate: Plate, around: Box, taken: Sequence[Box], height: int, width: int, objects: np.ndarray | None = None
) -> Box | None:
    """A place for a plate beside or in `around`, inside the picture.

    Args:
        plate: What is to be placed.
        around: Box of what it belongs to.
        taken: Places of other plates.
        height: Of the picture.
        width: Of the picture.
        objects: Integral image `(H + 1, W + 1)` of the pixels that should stay visible.

    Returns:
        Of the usual places that cover no other plate, the first that covers fewest objects; None if all are taken.
    """
    best, least = None, None
    for left, top in _candidates(plate, around):
        left = min(max(left, 0), max(width - plate.width, 0))
        top = min(max(top, 0), max(height - plate.height, 0))
        box = (left, top, left + plate.width, top + plate.height)
        if any(_overlap(box, other) for other in taken):
            continue
        covered = 0 if objects is None else _covered(objects, box)
        if least is None or covered < least:
            best, least = box, covered
        if covered == 0:
            break
    return best


def _candidates(plate: Plate, around: Box) -> Iterator[tuple[int, int]]:
    """Left top corners in order of preference: above, at the upper edge, below, then a stack."""
    left, top, right, bottom = around
    yield left, top - plate.height
    yield right - plate.width, top - plate.height
    yield left, top
    yield right - plate.width, top
    yield left, bottom
    yield right - plate.width, bottom
    yield right, top
    yield left - plate.width, top
    for step in range(1, 9):
        yield left, top + step * plate.height
        yield left, top - (step + 1) * plate.height


def _covered(objects: np.ndarray, box: Box) -> int:
    """Pixels of objects under a box, from their integral image."""
    left, top, right, bottom = box
    return int(objects[bottom, right] - objects[top, right] - objects[bottom, left] + objects[top, left])


def _overlap(first: Box, second: Box) -> int:
    """Pixels that two boxes share."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)


@lru_cache(maxsize=1)
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _text_width(text: str, font_size: int) -> int:
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _font(), font_size, _WEIGHT)
    return width
