"""Tracks drawn on a frame: tinted masks with an outline, and a label each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from clipvis_core.media.lettering import Box, make_plate, place
from clipvis_core.media.palette import Color, track_color

_PROFILE = (  # across an outline: (0 outside to 1 inside, opacity, brightness of the colour)
    (0.00, 0.00, 0.25),
    (0.20, 0.45, 0.25),  # a dark rim, which shows light colours on light pictures
    (0.38, 1.00, 1.00),
    (0.72, 1.00, 1.00),
    (1.00, 0.42, 1.00),  # the tint
)
MOST_LABELS = 12  # in one frame; more are not read
_FONT_SHARE = 0.25  # most height of letters, as a share of the side of a square of the box's area
_SMALLEST_FONT = 11  # pixels; below that, letters run together


def draw_tracks(
    frame: np.ndarray, masks: np.ndarray, track_ids: Sequence[int], labels: Sequence[str], scores: Sequence[float]
) -> np.ndarray:
    """Draws the tracks that are visible in a frame.

    Every track keeps one colour through the video. Large masks are drawn below small ones. The best `MOST_LABELS`
    tracks get a label beside their mask, inside the picture, off the objects where there is room; one that would cover
    another is left out. Lines and letters grow with the frame, and the letters of small tracks are smaller.

    Args:
        frame: RGB uint8 (H, W, 3); left as it is.
        masks: bool (N, H, W); a track with an empty mask is not in this frame and gets no label.
        track_ids: N numbers that name the tracks.
        labels: N category names, in any script.
        scores: N scores, 0 to 1.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        ValueError: The shapes or lengths do not fit together.

    >>> frame = np.zeros((90, 160, 3), np.uint8)
    >>> mask = np.zeros((1, 90, 160), bool)
    >>> mask[0, 30:60, 40:100] = True
    >>> drawn = draw_tracks(frame, mask, [7], ["犬"], [0.9])
    >>> drawn.shape, bool(drawn[45, 70].any()), bool(drawn[80, 150].any())
    ((90, 160, 3), True, False)
    """
    _check(frame, masks, track_ids, labels, scores)
    image = frame.copy()
    boxes = _boxes(masks)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in boxes]
    visible = [index for index, area in enumerate(areas) if area]
    for index in sorted(visible, key=lambda i: -areas[i]):
        _draw_mask(image, masks[index], boxes[index], track_color(int(track_ids[index])))
    taken: list[Box] = []
    objects = cv2.integral(masks.any(axis=0).astype(np.uint8)) if visible else None
    for index in sorted(visible, key=lambda i: -scores[i])[:MOST_LABELS]:
        text = f"#{track_ids[index]} {labels[index]} {scores[index]:.2f}"
        _draw_label(image, text, boxes[index], track_color(int(track_ids[index])), taken, objects)
    return image


def _check(
    frame: np.ndarray, masks: np.ndarray, track_ids: Sequence[int], labels: Sequence[str], scores: Sequence[float]
) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"frame is {frame.dtype} {frame.shape}, not uint8 (H, W, 3)")
    if masks.dtype != np.bool_ or masks.ndim != 3 or masks.shape[1:] != frame.shape[:2]:
        raise ValueError(f"masks are {masks.dtype} {masks.shape}, not bool (N, {frame.shape[:2]})")
    counts = len(masks), len(track_ids), len(labels), len(scores)
    if len(set(counts)) > 1:
        raise ValueError(f"numbers of masks, ids, labels and scores differ: {counts}")


def _draw_mask(image: np.ndarray, mask: np.ndarray, box: Box, color: Color) -> None:
    """Tints a mask and draws its outline, in place and touching only its box.

    The blurred mask goes from 0 outside over 128 at the edge to 255 inside; a table gives the colour and opacity for
    each value. That costs the same for a smooth disc and for noise, and smooths the steps of the mask's edge.
    """
    reach = _line_width(image)
    height, width = image.shape[:2]
    left, top = max(box[0] - reach, 0), max(box[1] - reach, 0)
    right, bottom = min(box[2] + reach, width), min(box[3] + reach, height)
    window = np.s_[top:bottom, left:right]
    binary = mask[window].astype(np.uint8) * np.uint8(255)
    size = (2 * reach + 1, 2 * reach + 1)
    inside = cv2.blur(binary, size, borderType=cv2.BORDER_REPLICATE)
    keep, paint = _blend_tables(color)
    inside = cv2.merge((inside, inside, inside))
    kept = cv2.multiply(image[window], cv2.LUT(inside, keep), scale=1 / 255)
    image[window] = cv2.add(kept, cv2.LUT(inside, paint))


@lru_cache(maxsize=1024)
def _blend_tables(color: Color) -> tuple[np.ndarray, np.ndarray]:
    """What stays of the picture (0 to 255) and what paint is added, by the blurred mask's value.

    Returns:
        Two uint8 tables of shape (256, 1, 3).
    """
    inside = np.linspace(0, 1, 256)
    places = [place for place, _, _ in _PROFILE]
    opacity = np.interp(inside, places, [opacity for _, opacity, _ in _PROFILE])
    brightness = np.interp(inside, places, [brightness for _, _, brightness in _PROFILE])
    paint = (opacity * brightness)[:, None, None] * np.array(color)
    keep = np.broadcast_to(255 * (1 - opacity)[:, None, None], paint.shape)
    return np.rint(keep).astype(np.uint8), np.rint(paint).astype(np.uint8)


def _line_width(image: np.ndarray) -> int:
    """Half the width of the outline, in pixels; grows with the frame."""
    return max(1, round(min(image.shape[:2]) / 260))


def _draw_label(image: np.ndarray, text: str, box: Box, color: Color, taken: list[Box], objects: np.ndarray) -> None:
    """Writes a label near a mask's box, in place, and remembers where."""
    height, width = image.shape[:2]
    usual = min(height, width) / 34
    side = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
    plate = make_plate(text, max(_SMALLEST_FONT, round(min(usual, side * _FONT_SHARE))), width)
    if plate is None or plate.height > height:
        return  # a frame smaller than a letter
    gap = _line_width(image)
    around = (box[0] - gap, box[1] - gap, box[2] + gap, box[3] + gap)
    spot = place(plate, around, taken, height, width, objects)
    if spot is None:
        return  # no room that is not another's
    taken.append(spot)
    plate.draw(image, spot[0], spot[1], color)


def _boxes(masks: np.ndarray) -> list[Box]:
    """Left, top, right and bottom (outside) of each mask; all 0 for an empty one."""
    rectangles = [cv2.boundingRect(mask.view(np.uint8)) for mask in np.ascontiguousarray(masks)]
    return [(left, top, left + width, top + height) for left, top, width, height in rectangles]
