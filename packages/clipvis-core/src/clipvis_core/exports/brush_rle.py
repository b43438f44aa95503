"""Label Studio's run-length code of brush masks."""

from __future__ import annotations

import numpy as np

_LENGTH_BITS = (3, 4, 8, 16)  # that the four kinds of runs have for their lengths
_VALUE_BITS = 8
_CHANNELS = 4  # the mask stands in each channel of an RGBA picture


def brush_rle(mask: np.ndarray) -> list[int]:
    """The code of a mask, as bytes from 0 to 255.

    The stream of bits, as `label_studio_sdk.converter.brush` reads it: the number of values (32 bits), the bits of a
    value less 1 (5), and the bits of the four kinds of lengths, each less 1 (4 each); then for each run 1, its kind (2
    bits), its length less 1, its value. Values are those of an RGBA picture, pixel by pixel along the rows.

    Args:
        mask: bool (H, W).
    """
    values = mask.ravel().astype(bool)
    edges = np.concatenate([np.flatnonzero(values[1:] != values[:-1]) + 1, [len(values)]])
    lengths = np.diff(edges, prepend=0) * _CHANNELS
    inks = values[edges - 1] * np.uint64(255)
    lengths, inks = _split(lengths, inks, 2 ** _LENGTH_BITS[-1])
    kinds = np.searchsorted(2 ** np.array(_LENGTH_BITS), lengths)
    length_bits = np.array(_LENGTH_BITS)[kinds]
    shift = (length_bits + _VALUE_BITS).astype(np.uint64)
    codes = (np.uint64(4) + kinds.astype(np.uint64)) << shift
    codes |= (lengths - 1).astype(np.uint64) << np.uint64(_VALUE_BITS) | inks
    header = [_bits([values.size * _CHANNELS], [32]), _bits([_VALUE_BITS - 1], [5])]
    header.append(_bits([bits - 1 for bits in _LENGTH_BITS], [4] * len(_LENGTH_BITS)))
    return np.packbits(np.concatenate([*header, _bits(codes, 3 + length_bits + _VALUE_BITS)])).tolist()


def _split(lengths: np.ndarray, inks: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Runs of at most `most` values."""
    parts = -(-lengths // most)
    split = np.full(parts.sum(), most)
    split[np.cumsum(parts) - 1] = lengths - (parts - 1) * most
    return split, inks.repeat(parts)


def _bits(numbers: object, widths: object) -> np.ndarray:
    """The bits of numbers, each with its own width, highest first, one after the other."""
    numbers, widths = np.asarray(numbers, dtype=np.uint64), np.asarray(widths)
    places = np.arange(int(widths.max()) - 1, -1, -1)
    bits = (numbers[:, None] >> places.astype(np.uint64)) & np.uint64(1)
    return bits[places < widths[:, None]].astype(np.uint8)
