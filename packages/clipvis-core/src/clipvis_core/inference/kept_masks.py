"""The masks that a file of features keeps, checked before pycocotools may see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.rle import RleError, validate_rles
from clipvis_core.pipelining import ahead, mapped
from clipvis_core.tracking.feature_file import FeatureFile
from clipvis_core.tracking.mask_archive import MaskArchive
from clipvis_core.tracking.spill_file import SpillFile

_FRAMES_CHECKED = 32  # whose masks are checked together
_CHECKERS = 2  # threads that check masks

Codes = dict[int, bytes]  # of the masks of a frame, by track


def masks_of(features: FeatureFile, tracks: set[int]) -> MaskArchive:
    """The masks of some tracks, checked, in a temporary file of their own.

    Raises:
        InputError: One is none of a mask of this size, or the disk is full.
    """
    archive = MaskArchive(SpillFile())
    height, width = features.facts.height, features.facts.width
    unpacked = ahead(codes_of(features, tracks), depth=_CHECKERS)
    with closing(unpacked):
        for frames in mapped(partial(checked, height=height, width=width), unpacked, _CHECKERS):
            for codes in frames:
                archive.append(codes)
    return archive


def codes_of(features: FeatureFile, tracks: set[int]) -> Iterator[tuple[int, list[Codes]]]:
    """The run-length codes of some tracks' masks, not checked: of `_FRAMES_CHECKED` frames each, after the first's
    number."""
    for start in range(0, len(features), _FRAMES_CHECKED):
        frames = map(features.codes, range(start, min(start + _FRAMES_CHECKED, len(features))))
        yield start, [{track: code for track, code in codes.items() if track in tracks} for codes in frames]


def checked(numbered: tuple[int, list[Codes]], *, height: int, width: int) -> list[Codes]:
    """The codes that pycocotools may see, of the same masks.

    Raises:
        InputError: One is none of a mask of this size.
    """
    start, frames = numbered
    records = [{"size": [height, width], "counts": code} for codes in frames for code in codes.values()]
    try:
        masks = iter(validate_rles(records, height, width))
    except RleError as error:
        places = [t for t, codes in enumerate(frames, start) for _ in codes]
        raise InputError(
            f"the features are damaged: a mask of frame {places[error.index]} {error}; run clipvis again"
        ) from None
    return [{track: _as_bytes(next(masks)["counts"]) for track in codes} for codes in frames]


def _as_bytes(counts: str | bytes) -> bytes:
    return counts if isinstance(counts, bytes) else counts.encode("ascii")
