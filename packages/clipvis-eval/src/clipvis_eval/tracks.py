"""Tracks as run-length masks: areas, and the spatio-temporal IoU of two tracks.

The frames of a track are joined side by side into one wide mask (run-length masks are stored column
by column, so joining copies runs). The area of the intersection of two such masks, found in one
pass in C, is then the intersection of the tracks; with the areas it gives the IoU from whole
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask
from rlemasklib import RLEMask

from clipvis_data.rle import MAX_PIXELS, validate_rle

_MAX_JOINED_PIXELS = 2**31
"""Pixels of one wide mask; its counts are 32-bit, so longer tracks are cut into several."""


class MaskError(ValueError):
    """A mask of a file that cannot be used; the message says why."""


def decode_mask(mask: object, height: int, width: int) -> RLEMask | None:
    """Reads one entry of `segmentations`.

    Args:
        mask: None, a compressed or uncompressed RLE, or a list of polygons (x1, y1, x2, y2, ...).
        height: Height of the video in pixels.
        width: Width of the video in pixels.

    Returns:
        The mask, or None where there is none.

    Raises:
        MaskError: The mask is malformed, corrupt, or of another size.
    """
    if mask is None:
        return None
    if isinstance(mask, dict):
        try:
            return RLEMask.from_dict(validate_rle(mask, height, width))
        except ValueError as error:
            raise MaskError(str(error)) from None
    if isinstance(mask, list):
        return _from_polygons(mask, height, width)
    raise MaskError(f"is a {type(mask).__name__}, not an RLE, a list of polygons or null")


def decode_masks_fast(masks: list, height: int, width: int) -> list[RLEMask | None] | None:
    """`decode_mask` of many entries, if all are null or sound compressed RLEs; otherwise None.

    Result files hold little else, and without a look at each mask from Python it takes half the
    time.
    """
    size = [height, width]
    try:
        present = [mask for mask in masks if mask is not None]
        if all(mask["size"] == size and type(mask["counts"]) is str for mask in present):
            decoded = map(RLEMask.from_dict, present)  # checks that the runs fill the frame
            if len(present) == len(masks):
                return list(decoded)
            return [None if mask is None else next(decoded) for mask in masks]
    except (KeyError, TypeError, ValueError):
        pass  # decode_mask finds the words for it
    return None


def _from_polygons(polygons: list, height: int, width: int) -> RLEMask:
    """Union of polygons, rasterised as the COCO tools do."""
    for polygon in polygons:
        if (
            not isinstance(polygon, list)
            or len(polygon) < 6
            or len(polygon) % 2
            or not all(type(value) in (int, float) for value in polygon)
            or not np.isfinite(polygon).all()
            or np.abs(polygon).max() > MAX_PIXELS
        ):
            raise MaskError("has a polygon that is not a list of three or more x, y pairs")
    if not polygons:
        return RLEMask.zeros((height, width))
    parts = coco_mask.frPyObjects(polygons, height, width)
    return RLEMask.from_dict(coco_mask.merge(parts))


class Track:
    """Masks of one object through a video.

    Attributes:
        frame_areas: (T,) int64, pixels of each frame's mask; 0 where there is none.
        area: Their sum.
        mean_area: Mean area over the frames where the object has pixels, 0 if it has none anywhere.
    """

    __slots__ = ("_joined", "_masks", "_shape", "area", "frame_areas", "mean_area")

    def __init__(self, masks: Sequence[RLEMask | None], height: int, width: int) -> None:
        self._masks = masks
        self._shape = (height, width)
        self._joined: list[RLEMask] | None = None
        areas = [0 if mask is None else mask.area() for mask in masks]
        self.frame_areas = np.array(areas, np.int64)
        self.area = sum(areas)
        self.mean_area = mean_of_nonzero(areas)

    @property
    def joined(self) -> list[RLEMask]:
        """The frames side by side; one wide mask unless the track is extremely long."""
        if self._joined is None:
            empty = RLEMask.zeros(self._shape)
            step = max(1, _MAX_JOINED_PIXELS // (self._shape[0] * self._shape[1]))
            frames = [empty if mask is None else mask for mask in self._masks]
            self._joined = [
                RLEMask.hconcat(frames[start : start + step])
                for start in range(0, len(frames), step)
            ]
            self._masks = ()
        return self._joined


def mean_of_nonzero(areas: Sequence[float | None]) -> float:
    """Mean of the entries that are not 0 (or None), 0 if there is none.

    Example:
        >>> mean_of_nonzero([4, None, 0, 8])
        6.0
    """
    kept = [area for area in areas if area]
    return float(sum(kept) / len(kept)) if kept else 0.0


def track_iou(one: Track, other: Track) -> float:
    """Spatio-temporal IoU: summed intersections over summed unions, 0 if both are empty.

    Args:
        one: A track of a video.
        other: Another track of the same video.

    Returns:
        IoU in [0, 1], the double nearest to the exact ratio.
    """
    total = one.area + other.area
    if not total:
        return 0.0
    intersection = sum((a & b).area() for a, b in zip(one.joined, other.joined, strict=True))
    return intersection / (total - intersection)


def iou_bounds(one: Track, frame_areas: np.ndarray) -> np.ndarray:
    """Upper bounds of the IoU of a track with several others, from areas alone.

    In no frame can the intersection exceed the smaller area, and the union is what remains of both.

    Args:
        one: A track of T frames.
        frame_areas: (N, T) areas of the others in pixels.

    Returns:
        (N,) float64 bounds in [0, 1].
    """
    smaller = np.minimum(one.frame_areas, frame_areas).sum(axis=1)
    larger = frame_areas.sum(axis=1) + (one.area - smaller)
    return smaller / np.maximum(larger, 1)
