"""From annotated masks (polygons or RLE) to bitmaps at the size of the augmented image."""

from __future__ import annotations

import cv2
import numpy as np
import shapely
from mmdet.structures.mask import BitmapMasks
from pycocotools import mask as mask_api

from clipvis_core.foundation.rle import decode_runs


def rasterise(polygons: list[np.ndarray], output: np.ndarray) -> None:
    """Fills polygons by COCO's rule; parts are joined.

    Only the columns and rows of the object are decoded and written: the system never allocates untouched pages of a
    freshly zeroed `output`, which is most of the cost of a large bitmap.

    Args:
        polygons: Arrays of x0, y0, x1, y1, ... in pixels, at least three points each.
        output: (H, W) uint8 zeros; pixels inside become 1.
    """
    height, width = output.shape
    rles = mask_api.frPyObjects([polygon.tolist() for polygon in polygons], height, width)
    rle = mask_api.merge(rles)
    x, y, w, h = mask_api.toBbox(rle).astype(int).tolist()
    if w == 0 or h == 0:
        return
    runs = decode_runs(rle["counts"])  # down the columns, beginning with background
    runs[0] -= x * height
    if len(runs) % 2 == 1:
        runs[-1] -= (width - x - w) * height
    part = mask_api.frPyObjects({"size": [height, w], "counts": runs.tolist()}, height, w)
    columns = mask_api.decode(part).T
    output[y : y + h, x : x + w] = cv2.transpose(columns[:, y : y + h])


def bitmap_masks(masks: np.ndarray) -> BitmapMasks:
    """Wraps (N, H, W) uint8 bitmaps without the copy that the constructor of `BitmapMasks` makes."""
    wrapped = BitmapMasks([], *masks.shape[1:])
    wrapped.masks = masks
    return wrapped


def clip_polygons(polygons: list[np.ndarray], box: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Cuts polygons with a rectangle and moves them to its corner.

    As in the published pipeline, with the same library, polygons are clipped as geometry: self-crossings are removed, a
    polygon may fall apart, and lines and points that remain are dropped.

    Args:
        polygons: Arrays of x0, y0, x1, y1, ...
        box: x0, y0, x1, y1 of the rectangle.

    Returns:
        The pieces inside, relative to (x0, y0).
    """
    x0, y0, x1, y1 = box
    kept = [points for polygon in polygons if _overlaps(points := polygon.reshape(-1, 2), box)]
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


def bitmap_box(mask: np.ndarray) -> list[int]:
    """Tight box [x1, y1, x2, y2] of a (H, W) bitmap, upper bounds exclusive; zeros for an empty one."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return [0, 0, 0, 0]
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
