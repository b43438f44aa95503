"""Masks of annotation and result files: run-length codes and polygons, checked and encoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import Faults, shown
from clipvis_core.foundation.rle import check_rles

_REACH = 8  # a polygon may lie this many image sides away
_MAX_OUTLINE = 2**24  # pixels along a polygon's edges; pycocotools takes 40 bytes for each

Polygons = list[list[float]]
"""[[x0, y0, x1, y1, ...], ...] in pixels."""


def encode_columns(columns: np.ndarray) -> list[dict]:
    """Compressed RLE records of N masks, ready for json.

    Args:
        columns: (N, W, H) bool or uint8, contiguous: masks with their columns as rows, which the coder takes without
            a copy.
    """
    if not len(columns):
        return []
    return [record_of(rle) for rle in mask_api.encode(columns.view(np.uint8).transpose(2, 1, 0))]


def record_of(rle: Mapping) -> dict:
    """A compressed RLE as result files hold it, with `counts` as str."""
    counts = rle["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(side) for side in rle["size"]], "counts": text}


def mask_bounds(mask: dict | Polygons) -> list[float]:
    """[x1, y1, x2, y2] of an RLE or of polygons."""
    if isinstance(mask, list):
        xs = [x for polygon in mask for x in polygon[0::2]]
        ys = [y for polygon in mask for y in polygon[1::2]]
        return [min(xs), min(ys), max(xs), max(ys)]
    x, y, w, h = mask_api.toBbox(mask).tolist()
    return [x, y, x + w, y + h]


def check_polygons(polygons: list, height: int, width: int, *, strict: bool = False) -> Polygons:
    """Polygons that enclose an area: those with at least three points; others are left out.

    pycocotools walks along each edge in steps of a fifth of a pixel with 32-bit counters: far coordinates take
    gigabytes, or end the process. So coordinates must lie near the image.

    Args:
        polygons: As a file has them.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
        strict: Whether one that encloses none is an error, too.

    Raises:
        InputError: Something that is not a list of x, y, x, y, ... in or near the image, or none that encloses an area;
            the message begins with a verb.
    """
    good = []
    reach = _REACH * max(height, width)
    for polygon in polygons:
        values = _numbers(polygon)
        if values is None:
            raise InputError(f"has a polygon that is not a list of numbers: {shown(polygon)}")
        if len(values) % 2:
            raise InputError(f"has a polygon of {len(values)} numbers; x and y come in pairs")
        if np.abs(values).max(initial=0) > reach:
            raise InputError(f"has a polygon far outside the image of {height} x {width}: {shown(polygon)}")
        if np.abs(np.diff(values.reshape(-1, 2), axis=0)).max(axis=1, initial=0).sum() > _MAX_OUTLINE:
            raise InputError(f"has a polygon with an outline of over {_MAX_OUTLINE} pixels")
        if len(values) >= 6:
            good.append(polygon)
        elif strict:
            raise InputError("has a polygon of under 3 points")
    if not good:
        raise InputError("has a polygon of under 3 points" if polygons else "has no polygon")
    return good


def _numbers(polygon: object) -> np.ndarray | None:
    """(N,) numbers of a list that holds nothing else, or None."""
    try:
        values = np.asarray(polygon)
    except (TypeError, ValueError, OverflowError):
        return None
    if not isinstance(polygon, list) or values.ndim != 1 or values.dtype.kind not in "iuf":
        return None
    values = values.astype(np.float64)
    return values if np.isfinite(values).all() else None


def as_rle(mask: dict | Polygons, height: int, width: int) -> dict:
    """A checked mask as a compressed RLE; polygons are filled by COCO's rule and joined."""
    return mask_api.merge(mask_api.frPyObjects(mask, height, width)) if isinstance(mask, list) else mask


def check_masks(
    masks: Sequence[object],
    sizes: Sequence[tuple[int, int]],
    where: Callable[[int], str],
    faults: Faults,
    *,
    strict: bool = False,
) -> list[dict | Polygons]:
    """Checks many masks of a file together; run-length codes pass `check_rles`.

    Args:
        masks: An RLE or a list of polygons each.
        sizes: (height, width) each must have.
        where: How messages name the mask at a position.
        faults: What is wrong is noted here.
        strict: See `check_polygons`.

    Returns:
        One mask each: a compressed RLE or polygons, [] where the mask is bad.
    """
    checked: list[dict | Polygons] = [[] for _ in masks]
    coded = [i for i, mask in enumerate(masks) if not isinstance(mask, list)]
    heights, widths = zip(*(sizes[i] for i in coded), strict=True) if coded else ((), ())
    rles, bad = check_rles([masks[i] for i in coded], heights, widths)
    for position, i in enumerate(coded):
        if position in bad:
            faults.lines.append(f"{where(i)} {bad[position]}")
        else:
            checked[i] = rles[position]
    for i, mask in enumerate(masks):
        if isinstance(mask, list):
            try:
                checked[i] = check_polygons(mask, *sizes[i], strict=strict)
            except InputError as error:
                faults.lines.append(f"{where(i)} {error}")
    return checked
