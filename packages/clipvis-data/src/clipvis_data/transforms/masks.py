"""From annotated masks (polygons or RLE) to bitmaps at the size of the augmented image."""

from __future__ import annotations

import cv2
import numpy as np
import shapely
from pycocotools import mask as mask_api


def rasterise(polygons: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """Fills polygons by COCO's rule; parts are joined.

    Args:
        polygons: Arrays of x0, y0, x1, y1, ... in pixels, at least three points each.
        height: Height of the bitmap.
        width: Width of the bitmap.

    Returns:
        (height, width) uint8 of 0 and 1.
    """
    rles = mask_api.frPyObjects([polygon.tolist() for polygon in polygons], height, width)
    columns = mask_api.decode(mask_api.merge(rles)).T  # pycocotools decodes column by column
    return cv2.transpose(columns)


def clip_polygons(polygons: list[np.ndarray], box: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Cuts polygons with a rectangle and moves them to its corner.

    The published pipeline clips as geometry: a polygon is cleaned of self-crossings, may fall
        apart, and lines and
    points that remain are dropped; so do we, with the same library.

    Args:
        polygons: Arrays of x0, y0, x1, y1, ...
        box: x0, y0, x1, y1 of the rectangle.

    Returns:
        The pieces inside, relative to (x0, y0).
    """
    x0, y0, x1, y1 = box
    kept = [polygon.reshape(-1, 2) for polygon in polygons]
    kept = [p for p in kept if _overlaps(p, box)]
    if not kept:
        return []
    shapes = shapely.buffer([shapely.Polygon(points) for points in kept], 0.0)
    shapes = shapes[shapely.is_valid(shapes)]
    parts = shapely.get_parts(shapely.intersection(shapes, shapely.box(x0, y0, x1, y1)))
    pieces = []
    for part in parts:
        if isinstance(part, shapely.Polygon) and not part.is_empty and part.is_valid:
            points = shapely.get_coordinates(part.exterior)[:-1]  # the first point is repeated
            pieces.append((points - (x0, y0)).reshape(-1))
    return pieces


def _overlaps(points: np.ndarray, box: tuple[int, int, int, int]) -> bool:
    low, high = points.min(axis=0), points.max(axis=0)
    return low[0] < box[2] and low[1] < box[3] and high[0] > box[0] and high[1] > box[1]


def mask_bounds(mask: np.ndarray) -> list[int]:
    """Tight box [x1, y1, x2, y2] of a (H, W) bitmap, upper bounds exclusive; zeros for an empty
    one."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return [0, 0, 0, 0]
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
