"""Rows of numbers in 16 bits a number, an order of magnitude nearer than float16."""

from __future__ import annotations

import numpy as np

BLOCK = 32  # numbers that share a scale: a large number spoils its neighbours only
_STEPS = 32767


def pack_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows as whole numbers with a scale for each block of 32.

    Args:
        rows: float32 `(N, D)`.

    Returns:
        int16 `(N, D)` and float32 scales `(N, B)`, B = D / 32 rounded up. A row of zeros stays one; a block with a
        number that is not finite becomes nan.

    >>> values, scales = pack_rows(np.array([[0.5, -1.0, 0.0]], np.float32))
    >>> values.tolist(), unpack_rows(values, scales).round(4).tolist()
    ([[16384, -32767, 0]], [[0.5, -1.0, 0.0]])
    """
    with np.errstate(invalid="ignore"):
        scales = np.maximum.reduceat(np.abs(rows), _starts(rows.shape[1]), axis=1) / np.float32(_STEPS)
        values = np.rint(rows / _spread(np.where(scales > 0, scales, 1), rows.shape[1]))
    return np.nan_to_num(values).astype(np.int16), scales


def unpack_rows(values: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The rows of `pack_rows`, float32 `(N, D)`."""
    with np.errstate(invalid="ignore"):
        return values * _spread(scales, values.shape[1])


def num_blocks(length: int) -> int:
    """B, blocks of a row of D numbers."""
    return -(-length // BLOCK)


def _starts(length: int) -> np.ndarray:
    return np.arange(0, length, BLOCK)


def _spread(scales: np.ndarray, length: int) -> np.ndarray:
    """The scale of each number, `(N, D)`."""
    return np.repeat(scales, BLOCK, axis=1)[:, :length]
