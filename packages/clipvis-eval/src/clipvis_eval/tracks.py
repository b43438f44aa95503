"""Tracks as run-length masks: areas, and the spatio-temporal IoU of two tracks.

Frames are compared in C, run by run; areas of intersections are added up as whole numbers, so the IoU
is the double nearest to the exact ratio.
"""

from __future__ import annotations

from collections.abc import Sequence

from rlemasklib import RLEMask

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.masks import as_rle, check_polygons
from clipvis_core.foundation.rle import are_codes, validate_rle


def decode_masks(segmentations: list, height: int, width: int) -> list[RLEMask | None]:
    """Masks of a record's `segmentations`.

    Args:
        segmentations: For each frame None, a compressed or uncompressed RLE, or a list of polygons
            (x1, y1, x2, y2, ...).
        height: Height of the video in pixels.
        width: Width of the video in pixels.

    Returns:
        For each frame the mask, or None where there is none.

    Raises:
        InputError: A mask is malformed, corrupt, or of another size; the message begins with its place.
    """
    masks = _decode_fast(segmentations, height, width)
    if masks is None:
        masks = []
        try:
            for mask in segmentations:
                masks.append(_decode(mask, height, width))
        except InputError as error:
            raise InputError(f"segmentations[{len(masks)}] {error}") from None
    return masks


def _decode(mask: object, height: int, width: int) -> RLEMask | None:
    if mask is None:
        return None
    if not isinstance(mask, list):
        return RLEMask.from_dict(validate_rle(mask, height, width))
    if not mask:
        return RLEMask.zeros((height, width))
    return RLEMask.from_dict(as_rle(check_polygons(mask, height, width, strict=True), height, width))


def _decode_fast(masks: list, height: int, width: int) -> list[RLEMask | None] | None:
    """`_decode` of many entries, if all are null or sound compressed RLEs; otherwise None.

    Result files hold little else, and without a look at each mask from Python it takes half the time.
    """
    try:
        present = [mask for mask in masks if mask is not None]
        texts = [mask["counts"] for mask in present]
        if are_codes(texts) and [mask["size"] for mask in present].count([height, width]) == len(present):
            decoded = map(RLEMask.from_dict, present)  # checks that the runs fill the frame
            if len(present) == len(masks):
                return list(decoded)
            return [None if mask is None else next(decoded) for mask in masks]
    except (KeyError, TypeError, ValueError):
        pass  # `_decode` finds the words for it
    return None


class Track:
    """Masks of one object through a video.

    Attributes:
        masks: T masks; None where there is none.
        frame_areas: T areas in pixels; 0 where there is no mask.
        area: Their sum.
        mean_area: Mean area over the frames where the object has pixels, 0 if it has none anywhere.
    """

    __slots__ = ("area", "frame_areas", "masks", "mean_area")

    def __init__(self, masks: Sequence[RLEMask | None]) -> None:
        self.masks = masks
        present = [mask for mask in masks if mask is not None]
        areas = list(map(RLEMask.area, present))
        if len(present) < len(masks):
            known = iter(areas)
            areas = [0 if mask is None else next(known) for mask in masks]
        self.frame_areas = areas
        self.area = sum(areas)
        self.mean_area = mean_of_nonzero(areas)


def mean_of_nonzero(areas: Sequence[float | None]) -> float:
    """Mean of the entries that are not 0 (or None), 0 if there is none.

    Example:
        >>> mean_of_nonzero([4, None, 0, 8])
        6.0
    """
    kept = [area for area in areas if area]
    return float(sum(kept) / len(kept)) if kept else 0.0


def track_iou(one: Track, other: Track, *, at_least: float = 0.0) -> float:
    """Spatio-temporal IoU: summed intersections over summed unions, 0 if both are empty.

    In no frame can the intersection exceed the smaller area, which bounds the IoU before any mask is
    looked at, and ever more closely with each frame compared. The bound and the IoU are the doubles
    nearest to ratios of whole numbers, and rounding keeps their order: a bound below `at_least`
    proves the IoU, as it would be computed, to be below it.

    Args:
        one: A track of a video.
        other: Another track of the same video.
        at_least: Smaller IoUs need not be known: the comparison ends where it rules out this much.

    Returns:
        IoU in [0, 1], the double nearest to the exact ratio; 0 where it is below `at_least`.
    """
    total = one.area + other.area
    smaller = list(map(min, one.frame_areas, other.frame_areas))
    most = sum(smaller)  # the intersection cannot be larger
    if not most:
        return 0.0
    for mask, other_mask, limit in zip(one.masks, other.masks, smaller, strict=True):
        if most / (total - most) < at_least:
            return 0.0
        if limit:
            most -= limit - (mask & other_mask).area()
    iou = most / (total - most)
    return iou if iou >= at_least else 0.0
