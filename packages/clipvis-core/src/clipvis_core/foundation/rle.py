"""Checking run-length masks before pycocotools sees them.

pycocotools trusts its input: runs that do not fill the image decode to uninitialised memory, and
huge sizes end the process. So each mask that comes from a file passes here first. The text form codes a run in groups
of five bits (low group first, bit 5 set on all but the last group, sign in bit 4 of the last), offset by 48; from the
fourth run on it stores the difference to the run two before. `validate_rles` undoes both for thousands of masks at once
with numpy; there is no Python loop over runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError

MAX_PIXELS = 2**28
"""Largest mask accepted (16,384 x 16,384): its codes fit the 32-bit shifts of pycocotools."""

_MAX_CODE_BYTES = 6  # 30 bits: any difference between two runs of at most MAX_PIXELS
_KINDS = bytes(0 if not 48 <= c < 112 else 48 if c < 80 else 80 for c in range(256))  # ends and beginnings of codes
_OPEN = {chr(c) for c in range(80, 112)}  # characters that do not end a code
_NO_CODE = (b"\0", b"P" * _MAX_CODE_BYTES)  # a foreign character, too long a code
_CHUNK_BYTES = 2**17  # text decoded at a time: its arrays stay in the processor cache


class RleError(InputError):
    """A run-length mask that must not reach pycocotools.

    Attributes:
        index: Position of the mask in the list that was checked.
    """

    def __init__(self, reason: str, index: int) -> None:
        super().__init__(reason)
        self.index = index


def validate_rle(rle: dict, height: int, width: int) -> dict:
    """Checks one run-length mask and returns it in compressed form.

    Args:
        rle: `{"size": [h, w], "counts": ...}`; the counts are a list of run lengths (uncompressed)
            or the compressed text as str or bytes.
        height: Height the mask must have, in pixels.
        width: Width the mask must have, in pixels.

    Returns:
        `{"size": [height, width], "counts": str or bytes}`. Compressed counts come back unchanged unless they hold
        empty runs after the first, which pycocotools' IoU misreads; those are joined.

    Raises:
        RleError: The mask is malformed or does not fit; the message says how.

    Example:
        >>> validate_rle({"size": [2, 2], "counts": [1, 3]}, 2, 2)
        {'size': [2, 2], 'counts': b'13'}
    """
    return validate_rles([rle], height, width)[0]


def validate_rles(
    rles: Sequence[dict | None], height: int | Sequence[int], width: int | Sequence[int]
) -> list[dict | None]:
    """`validate_rle` for many masks; far faster than one by one.

    Args:
        rles: Masks as for `validate_rle`; None (no mask in this frame) stays None.
        height: Height of all masks, or one height for each.
        width: Width of all masks, or one width for each.

    Returns:
        One compressed mask (or None) for each entry.

    Raises:
        RleError: At the first bad mask, with its position in `index`.
    """
    checked, faults = check_rles(rles, height, width)
    if faults:
        index = min(faults)
        raise RleError(faults[index], index)
    return checked


def check_rles(
    rles: Sequence[dict | None], height: int | Sequence[int], width: int | Sequence[int]
) -> tuple[list[dict | None], dict[int, str]]:
    """`validate_rles` that collects every fault instead of raising at the first.

    Args:
        rles: Masks as for `validate_rle`; None stays None.
        height: Height of all masks, or one height for each.
        width: Width of all masks, or one width for each.

    Returns:
        The compressed masks (None where there is none, or a bad one) and `{position: what is wrong}`.
    """
    heights = np.broadcast_to(height, len(rles)).tolist()
    widths = np.broadcast_to(width, len(rles)).tolist()
    checked: list[dict | None] = [None] * len(rles)
    faults: dict[int, str] = {}
    texts: list[tuple[int, bytes]] = []
    for index, (rle, h, w) in enumerate(zip(rles, heights, widths, strict=True)):
        if rle is None:
            continue
        fault = _shape_fault(rle, h, w)
        if fault is None and isinstance(rle["counts"], list | tuple):
            fault = _list_fault(rle["counts"], h * w)
            if fault is None:
                checked[index] = _compress(np.array(rle["counts"], np.int64), h, w)
        elif fault is None:
            counts = rle["counts"]
            texts.append((index, counts if isinstance(counts, bytes) else _ascii(counts)))
            checked[index] = {"size": [h, w], "counts": counts}
        if fault is not None:
            faults[index] = fault
    for chunk in _chunks(texts):
        _check_texts(chunk, heights, widths, checked, faults)
    return checked, faults


def are_codes(texts: list[object]) -> bool:
    """Whether compressed counts hold whole codes of the alphabet only; their runs are not looked at.

    A quick look at many masks whose runs are counted elsewhere.
    """
    if not {type(text) for text in texts} <= {str}:
        return False
    kinds = "".join(texts).encode().translate(_KINDS)
    return "" not in texts and not {text[-1] for text in texts} & _OPEN and not any(bad in kinds for bad in _NO_CODE)


def decode_runs(counts: bytes | str) -> np.ndarray:
    """Run lengths of one compressed mask that has passed `validate_rle`.

    Args:
        counts: Compressed counts.

    Returns:
        (R,) int64 run lengths, background first, in column-major pixel order.
    """
    text = counts if isinstance(counts, bytes) else counts.encode("ascii")
    codes, _, bounds = _decode_codes(np.frombuffer(text, np.uint8) - 48, np.array([0, len(text)]))
    return _undo_differences(codes, bounds)


def _ascii(counts: str) -> bytes:
    # Characters outside ASCII become a byte outside the alphabet, so that the check below finds them.
    return counts.encode("ascii") if counts.isascii() else b"\xff"


def _shape_fault(rle: object, height: int, width: int) -> str | None:
    """What is wrong with the outer form of a mask, or None."""
    if not isinstance(rle, dict):
        return f"is a {type(rle).__name__}, not an RLE object with 'size' and 'counts'"
    missing = [key for key in ("size", "counts") if key not in rle]
    if missing:
        return f"has no '{missing[0]}'"
    size = rle["size"]
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(type(s) is int for s in size)):
        return f"has a size of {str(size)[:40]!r}; it must be [height, width]"
    if list(size) != [height, width]:
        return f"is {size[0]} x {size[1]} (height x width), but must be {height} x {width}"
    if not (height > 0 and width > 0 and height * width <= MAX_PIXELS):
        return f"has a size of {height} x {width}; between 1 and {MAX_PIXELS} pixels are accepted"
    if not isinstance(rle["counts"], list | tuple | str | bytes):
        return f"has counts of type {type(rle['counts']).__name__}; they must be a list or a string"
    return None


def _list_fault(counts: list, pixels: int) -> str | None:
    """What is wrong with uncompressed counts, or None."""
    for position, run in enumerate(counts):
        if type(run) is not int:
            return f"has {str(run)[:20]!r} as run {position}; runs are whole numbers"
        if run < 0:
            return f"has the negative run {run} at position {position}"
    total = sum(counts)
    return None if total == pixels else f"has runs of {total} pixels in all, but its size has {pixels}"


def _chunks(texts: list[tuple[int, bytes]]) -> list[list[tuple[int, bytes]]]:
    """Parts of `texts` of about `_CHUNK_BYTES` each (one longer text makes a part of its own)."""
    if not texts:
        return []
    parts = np.cumsum([len(text) for _, text in texts]) // _CHUNK_BYTES
    edges = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(texts)]
    return [texts[a:b] for a, b in pairwise(edges)]


def _check_texts(
    texts: list[tuple[int, bytes]],
    heights: list[int],
    widths: list[int],
    checked: list[dict | None],
    faults: dict[int, str],
) -> None:
    """Checks compressed counts together; moves the bad ones from `checked` to `faults`."""
    new_faults = _alphabet_faults(texts)
    _record(new_faults, checked, faults)
    texts = [item for item in texts if item[0] not in new_faults]
    if not texts:
        return
    index = np.array([item[0] for item in texts])
    digits = np.frombuffer(b"".join(text for _, text in texts), np.uint8) - 48
    text_bounds = np.concatenate([[0], np.cumsum([len(text) for _, text in texts])])
    codes, code_bytes, bounds = _decode_codes(digits, text_bounds)
    runs = _undo_differences(codes, bounds)
    first = bounds[:-1]
    pixels = np.array([heights[i] * widths[i] for i in index])
    # A sum in int64 cannot overflow: codes stay below 2**35 and a text has fewer than 2**28 of them.
    sums = np.add.reduceat(runs, first)
    bad_length = np.maximum.reduceat(code_bytes, first) > _MAX_CODE_BYTES
    bad_sign = np.minimum.reduceat(runs, first) < 0
    new_faults = {}
    for i in np.flatnonzero(bad_length | bad_sign | (sums != pixels)):
        if bad_length[i]:
            new_faults[int(index[i])] = "has counts with a run too long for any mask; they are corrupt"
        elif bad_sign[i]:
            new_faults[int(index[i])] = "has counts with a negative run; they are corrupt"
        else:
            new_faults[int(index[i])] = f"has runs of {sums[i]} pixels in all, but its size has {pixels[i]}"
    _record(new_faults, checked, faults)
    for i in _with_empty_runs(runs, bounds):
        if int(index[i]) not in faults:
            height, width = heights[index[i]], widths[index[i]]
            checked[index[i]] = _compress(runs[bounds[i] : bounds[i + 1]], height, width)


def _with_empty_runs(runs: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The texts that have an empty run after the first."""
    empty = np.flatnonzero(runs == 0)
    texts = np.searchsorted(bounds, empty, side="right") - 1
    return np.unique(texts[empty != bounds[texts]])


def _record(new: dict[int, str], checked: list[dict | None], faults: dict[int, str]) -> None:
    faults.update(new)
    for index in new:
        checked[index] = None


def _alphabet_faults(texts: list[tuple[int, bytes]]) -> dict[int, str]:
    """Texts that are empty, hold a character outside the code's 64, or stop inside a code."""
    faults = {index: "has empty counts" for index, text in texts if not text}
    kept = [item for item in texts if item[1]]
    if not kept:
        return faults
    digits = np.frombuffer(b"".join(text for _, text in kept), np.uint8) - 48
    ends = np.cumsum([len(text) for _, text in kept])
    starts = np.concatenate([[0], ends[:-1]])
    foreign = np.maximum.reduceat(digits, starts) > 63
    cut = (digits[ends - 1] & 0x20) != 0
    for i in np.flatnonzero(foreign | cut):
        faults[kept[i][0]] = (
            "has counts with characters that are not part of the RLE code; they are corrupt"
            if foreign[i]
            else "has counts that stop in the middle of a run; they are cut short"
        )
    return faults


def _decode_codes(digits: np.ndarray, text_bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of concatenated texts.

    Args:
        digits: (L,) uint8, characters minus 48; each text ends with the last group of a number.
        text_bounds: (M + 1,) edges of the texts in `digits`.

    Returns:
        (R,) int64 numbers, (R,) bytes each took, (M + 1,) edges of the texts in the numbers.
    """
    ends = np.flatnonzero((digits & 0x20) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    code_bytes = ends - starts + 1
    groups = digits & 0x1F
    codes = groups[starts].astype(np.int64)
    longer = np.flatnonzero(code_bytes > 1)
    for k in range(1, min(int(code_bytes.max()), _MAX_CODE_BYTES + 1)):
        codes[longer] |= groups[starts[longer] + k].astype(np.int64) << (5 * k)
        longer = longer[code_bytes[longer] > k + 1]
    negative = np.flatnonzero(digits[ends] & 0x10)
    codes[negative] -= np.int64(1) << (5 * np.minimum(code_bytes[negative], _MAX_CODE_BYTES + 1))
    return codes, code_bytes, np.searchsorted(ends, text_bounds)


def _undo_differences(codes: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Run lengths from the stored numbers, for all texts in one go.

    Run 0 is stored as it is; runs 1, 3, 5, ... and runs 2, 4, 6, ... are two chains of differences.
    Both are running sums of every second number, so two running sums over the whole array, less
    their value where each text's chain begins, give every run.
    """
    first, end = bounds[:-1], bounds[1:]
    even = np.cumsum(codes[0::2])
    odd = np.concatenate([[0], np.cumsum(codes[1::2])])
    runs = np.empty_like(codes)
    runs[0::2] = even - np.repeat(even[first // 2], (end + 1) // 2 - (first + 1) // 2)
    runs[1::2] = odd[1:] - np.repeat(odd[(first + 1) // 2], end // 2 - first // 2)
    runs[first] = codes[first]
    return runs


def _compress(runs: np.ndarray, height: int, width: int) -> dict:
    """Compressed form of valid run lengths, with empty runs (but the first) joined away."""
    value = np.arange(len(runs)) % 2
    value, runs = value[runs > 0], runs[runs > 0]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(value) != 0]))
    joined = np.add.reduceat(runs, starts).tolist()
    if value[0] == 1:
        joined.insert(0, 0)
    size = [height, width]
    return mask_api.frPyObjects({"size": size, "counts": joined}, height, width)
