"""What asking for other words needs of a frame, as bytes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.tracking.packed_rows import num_blocks, pack_rows, unpack_rows

MOST_MASK_BYTES = 2**28  # of a frame's masks, unpacked


@dataclass(frozen=True)
class FrameFeatures:
    """What the network said of a frame but names, Q queries in track order.

    Attributes:
        regions: float32 `(Q, D)`, the encoder's vectors of the masks.
        ious: float32 `(Q,)`.
        object_logits: float32 `(Q, 2)`; 0 = object.
        mask_sums: float32 `(Q,)`, sum of the sigmoid over the positive cells of each mask.
        mask_cells: float32 `(Q,)`, their number.
        permutation: int16 `(Q,)`, the network's query of each track.
        quality: float32 `(Q,)`, of an image alone: mean sigmoid in each mask at the picture's size. None in a video.
    """

    regions: np.ndarray
    ious: np.ndarray
    object_logits: np.ndarray
    mask_sums: np.ndarray
    mask_cells: np.ndarray
    permutation: np.ndarray
    quality: np.ndarray | None = None


class FrameLayout:
    """Where what is in a frame's bytes; all numbers little-endian.

    One after the other:

    - U, the number of different regions, `uint32`. Queries whose masks cover the same cells of the encoder share one,
      and so do all that cover none.
    - IoUs, two object logits, mask sums and mask cells, `float32 (5, Q)`; of an image also the quality, `float32 (Q)`.
    - The permutation, `int16 (Q)`, and which region is each query's, `uint16 (Q)`.
    - The regions as `pack_rows` has them: scales `float32 (U, B)` and `int16 (U, D)`.
    - Compressed by zlib: the lengths of the masks' run-length codes, `uint32 (Q)`, 0 for none, and the codes.

    Args:
        num_queries: Q.
        dim: D.
        image: Whether it is that of an image alone.
    """

    def __init__(self, num_queries: int, dim: int, *, image: bool = False) -> None:
        self.num_queries = num_queries
        self.dim = dim
        self._rows = 6 if image else 5
        self._numbers = 4 + 4 * self._rows * num_queries
        self._regions = self._numbers + 4 * num_queries

    def pack(self, frame: FrameFeatures, codes: dict[int, bytes]) -> bytes:
        """A frame and the run-length codes of its masks by track, as bytes."""
        quality = () if frame.quality is None else (frame.quality,)
        numbers = np.stack([frame.ious, *frame.object_logits.T, frame.mask_sums, frame.mask_cells, *quality])
        values, scales = pack_rows(frame.regions)
        first, which = _different(np.concatenate([values.view(np.uint8), scales.view(np.uint8)], axis=1))
        lengths = np.zeros(self.num_queries, "<u4")
        for track, code in codes.items():
            lengths[track] = len(code)
        masks = b"".join((lengths.tobytes(), *(codes[track] for track in sorted(codes))))
        parts = (
            np.uint32(len(first)).astype("<u4"),
            numbers.astype("<f4"),
            frame.permutation.astype("<i2"),
            which.astype("<u2"),
            scales[first].astype("<f4"),
            values[first].astype("<i2"),
        )
        return b"".join((*(part.tobytes() for part in parts), zlib.compress(masks, level=1)))

    def unpack(self, content: bytes) -> FrameFeatures:
        """The frame of `pack`.

        Raises:
            InputError: The bytes are not those of a frame of this layout.
        """
        queries = self.num_queries
        regions = self.regions_size(content)
        numbers = np.frombuffer(content, "<f4", self._rows * queries, 4).reshape(self._rows, queries)
        permutation = np.frombuffer(content, "<i2", queries, self._numbers)
        which = np.frombuffer(content, "<u2", queries, self._numbers + 2 * queries)
        scales_size = 4 * regions * num_blocks(self.dim)
        scales = np.frombuffer(content, "<f4", scales_size // 4, self._regions).reshape(regions, -1)
        values = np.frombuffer(content, "<i2", regions * self.dim, self._regions + scales_size).reshape(regions, -1)
        if which.max(initial=0) >= regions:
            raise InputError("has queries without a region")
        rows = unpack_rows(values, scales)[which]
        return FrameFeatures(rows, numbers[0], numbers[1:3].T, *numbers[3:5], permutation, *numbers[5:])

    def unpack_codes(self, content: bytes) -> dict[int, bytes]:
        """The run-length codes of `pack`; what is in them is not checked.

        Raises:
            InputError: The bytes are not those of a frame of this layout.
        """
        packed = content[self._masks_start(self.regions_size(content)) :]
        try:
            unpacker = zlib.decompressobj()
            masks = unpacker.decompress(packed, MOST_MASK_BYTES)
        except zlib.error as error:
            raise InputError(f"has masks that cannot be unpacked ({error})") from None
        lengths_size = 4 * self.num_queries
        lengths = np.frombuffer(masks[:lengths_size], "<u4").astype(np.int64) if len(masks) >= lengths_size else None
        if lengths is None or not unpacker.eof or lengths_size + lengths.sum() != len(masks):
            raise InputError("has masks of other lengths than it says")
        ends = lengths_size + np.cumsum(lengths)
        return {track: masks[ends[track] - lengths[track] : ends[track]] for track in np.flatnonzero(lengths).tolist()}

    def regions_size(self, content: bytes) -> int:
        """U of a frame's bytes.

        Raises:
            InputError: They are too few.
        """
        regions = int(np.frombuffer(content, "<u4", 1)[0]) if len(content) >= 4 else 0
        if not 1 <= regions <= self.num_queries or len(content) < self._masks_start(regions):
            raise InputError(f"has {len(content)} bytes, which is no frame of {self.num_queries} x {self.dim}")
        return regions

    def _masks_start(self, regions: int) -> int:
        return self._regions + regions * (4 * num_blocks(self.dim) + 2 * self.dim)


def _different(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of each different row's first occurrence `(U,)`, and for each row `(N,)` which of these it is."""
    places: dict[bytes, int] = {}
    which = np.array([places.setdefault(row.tobytes(), len(places)) for row in rows])
    return np.unique(which, return_index=True)[1], which
