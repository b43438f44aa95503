"""Masks of all frames and queries as run-length codes, encoded behind the network's back and kept on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future
from typing import overload

import numpy as np
from pycocotools import mask as coco_mask
from torch import Tensor

from clipvis_core.pipelining import Behind
from clipvis_core.tracking.mask_rendering import MaskRenderer, MaskSizes
from clipvis_core.tracking.spill_file import SpillFile

#: Frames whose masks wait for the end of the video, where only those of the final tracks have to be encoded.
FRAMES_IN_WAITING = 32
_FRAMES_BEHIND = 4


class MaskArchive:
    """Run-length codes by frame and query, in a temporary file; 16 bytes of memory a frame.

    Args:
        num_queries: Q.
        folder: Where the file goes; see `SpillFile`.
    """

    def __init__(self, num_queries: int, folder: str | None = None) -> None:
        self._num_queries = num_queries
        self._frames = SpillFile(folder)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self._frames.nbytes

    def append(self, codes: dict[int, bytes]) -> None:
        """Adds the next frame's codes by query; a query without one has no mask there."""
        lengths = np.zeros(self._num_queries, np.uint32)
        for query, code in codes.items():
            lengths[query] = len(code)
        ordered = (codes[query] for query in sorted(codes))
        self._frames.append(b"".join((lengths.tobytes(), *ordered)))

    def code(self, frame: int, query: int) -> bytes | None:
        """The code of a mask, or None without a pixel."""
        head = 4 * self._num_queries
        lengths = np.frombuffer(self._frames.read(frame, 0, head), np.uint32)
        if not lengths[query]:
            return None
        start = head + int(lengths[:query].sum())
        return self._frames.read(frame, start, int(lengths[query]))


class TrackSegments(Sequence):
    """A track's masks, one a frame: a compressed RLE record ready for JSON, or None. Read from disk when asked for.

    Args:
        archive: Masks of all tracks.
        query: The track's index.
        hidden: bool `(T,)`, frames in which it is not shown.
        size: (H, W) of the masks.
    """

    def __init__(self, archive: MaskArchive, query: int, hidden: np.ndarray, size: tuple[int, int]) -> None:
        self._archive = archive
        self._query = query
        self._hidden = hidden
        self._size = size

    def __len__(self) -> int:
        return len(self._hidden)

    @overload
    def __getitem__(self, frame: int) -> dict | None: ...
    @overload
    def __getitem__(self, frame: slice) -> list[dict | None]: ...
    def __getitem__(self, frame: int | slice) -> dict | list[dict | None] | None:
        if isinstance(frame, slice):
            return [self[t] for t in range(*frame.indices(len(self)))]
        frame = range(len(self))[frame]
        if self._hidden[frame]:
            return None
        return rle_record(self._archive.code(frame, self._query), self._size)


def rle_record(code: bytes | None, size: tuple[int, int]) -> dict | None:
    """A code as the record that result files hold, with `counts` as str."""
    return None if code is None else {"size": list(size), "counts": code.decode("ascii")}


class MaskRecorder:
    """Encodes masks in a thread while the network works on the next frames.

    In each frame the masks of the queries that lead at the time are encoded at once. The others wait for
    `FRAMES_IN_WAITING` frames: if the video ends before, only those of its final tracks are encoded; else all are,
    because any query may lead in the end. Masks without a positive cell are neither kept nor encoded.

    Args:
        num_queries: Q.
        sizes: Sizes the masks go through.
        keep: Whether `finish` will be called; without, only what leads at the time is encoded and nothing is stored.
        folder: Where the file goes; see `SpillFile`.
    """

    def __init__(self, num_queries: int, sizes: MaskSizes, *, keep: bool = True, folder: str | None = None) -> None:
        self.sizes = sizes
        self._archive = MaskArchive(num_queries, folder) if keep else None
        self._waiting: deque[tuple[dict[int, bytes], dict[int, np.ndarray]]] = deque()
        self._renderer: MaskRenderer | None = None
        self._worker = Behind(depth=_FRAMES_BEHIND)

    @property
    def temporary_bytes(self) -> int:
        """Size of the temporary file."""
        return 0 if self._archive is None else self._archive.nbytes

    def add(
        self, mask_logits: Tensor, permutation: Tensor, filled: np.ndarray, leading: Collection[int]
    ) -> Future[dict[int, bytes]]:
        """Takes the next frame in.

        Waits while the worker is several frames behind; raises here what went wrong in it.

        Args:
            mask_logits: `(Q, h, w)`, in network order.
            permutation: int64 `(Q,)`, the network's query of each track.
            filled: bool `(Q,)` in track order, whether a mask has a positive cell.
            leading: Tracks to encode at once.

        Returns:
            Codes of the leading tracks that have a mask in the frame, when they are ready.
        """
        return self._worker.submit(self._record, mask_logits, permutation, filled, set(leading))

    def finish(self, queries: Collection[int]) -> MaskArchive:
        """Encodes what waits, for these tracks, and ends the worker.

        Args:
            queries: The final tracks; masks of others may be missing from the archive.
        """
        if self._archive is None:
            raise ValueError("the masks were not kept")
        self._worker.wait()
        wanted = set(queries)
        while self._waiting:
            self._store(wanted)
        return self._archive

    def _record(
        self, mask_logits: Tensor, permutation: Tensor, filled: np.ndarray, leading: set[int]
    ) -> dict[int, bytes]:
        if self._renderer is None:
            self._renderer = MaskRenderer(tuple(mask_logits.shape[-2:]), self.sizes)
        tracks = np.flatnonzero(filled)
        if self._archive is None:
            tracks = tracks[np.isin(tracks, list(leading))]
        rows = mask_logits[permutation[tracks.tolist()]].float().cpu().numpy()
        logits = dict(zip(tracks.tolist(), rows, strict=True))
        codes = self._encoded(logits, leading)
        if self._archive is not None:
            self._waiting.append((codes, {q: x for q, x in logits.items() if q not in leading}))
            if len(self._waiting) > FRAMES_IN_WAITING:
                self._store(None)
        return codes

    def _store(self, wanted: set[int] | None) -> None:
        """Moves the oldest waiting frame to the archive, with the masks of all tracks or of those wanted."""
        codes, logits = self._waiting.popleft()
        self._archive.append(codes | self._encoded(logits, logits if wanted is None else wanted))

    def _encoded(self, logits: dict[int, np.ndarray], tracks: Iterable[int]) -> dict[int, bytes]:
        codes = {}
        for track in sorted(logits.keys() & set(tracks)):
            mask = self._renderer.render(logits[track])
            if mask.any():
                codes[track] = coco_mask.encode(mask)["counts"]
        return codes
