"""Masks as polygons along the edges of their pixels."""

from __future__ import annotations

import cv2
import numpy as np

MOST_PARTS = 200


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """The outer outline of each part of a mask; holes are filled.

    Args:
        mask: bool or uint8 (H, W).

    Returns:
        Polygons (P, 2) of x, y in whole pixels, largest box first. They run along the edges of pixels, as COCO's do: a
        single pixel is a square of four corners, and the polygon of a part without holes encloses that part exactly.
        Pixels that touch at a corner are one part.

    >>> outlines(np.array([[0, 0, 0], [0, 1, 0]]) > 0)[0].tolist()
    [[1, 1], [1, 2], [2, 2], [2, 1]]
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    top, left = rows[0], columns[0]
    window = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
    doubled = window.repeat(2, axis=0).repeat(2, axis=1)
    found, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # Of a pixel's two points along an axis the first lies on its near edge and the second on its far edge.
    origin = np.array([left, top])
    polygons = [_corners((contour[:, 0] + 1) // 2) + origin for contour in found]
    return sorted(polygons, key=lambda polygon: -int(np.ptp(polygon, axis=0).prod()))


def _corners(points: np.ndarray) -> np.ndarray:
    """A closed polygon without repeated points and points in the middle of an edge."""
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    return points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]


def joined_outline(mask: np.ndarray) -> np.ndarray:
    """One polygon (P, 2) for all parts of a mask, for formats that take one an object; empty without a pixel.

    Parts are joined by bridges without width between corners that are near each other, there and back. Of a mask that
    is dust only the `MOST_PARTS` largest parts are kept.

    >>> joined_outline(np.array([[1, 0, 1]]) > 0).tolist()
    [[2, 0], [1, 0], [0, 0], [0, 1], [1, 1], [1, 0], [2, 0], [2, 1], [3, 1], [3, 0]]
    """
    parts = outlines(mask)[:MOST_PARTS]
    if not parts:
        return np.zeros((0, 2), dtype=np.int64)
    joined, rest = parts[0], parts[1:]
    for part in rest:
        here, there = _nearest(joined, part)
        loop = np.concatenate([part[there:], part[: there + 1]])
        joined = np.concatenate([joined[: here + 1], loop, joined[here:]])
    return joined


def _nearest(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Positions of two corners that are close to each other: the nearest to the other's middle, and to that one."""
    here = int(np.square(first - second.mean(axis=0)).sum(axis=1).argmin())
    return here, int(np.square(second - first[here]).sum(axis=1).argmin())
