"""Masks of all frames and queries as run-length codes, encoded in a thread and kept on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from concurrent.futures import Future

import numpy as np
from pycocotools import mask as coco_mask
from torch import Tensor

from clipvis_core.pipelining import Behind
from clipvis_core.tracking.feature_file import FeatureWriter
from clipvis_core.tracking.frame_features import FrameFeatures
from clipvis_core.tracking.mask_rendering import MaskRenderer, MaskSizes
from clipvis_core.tracking.spill_file import SpillFile

#: Frames whose masks wait for the end of the video, where only those of the final tracks have to be encoded.
FRAMES_IN_WAITING = 32
_FRAMES_BEHIND = 4


class MaskArchive:
    """Run-length codes by frame and query, in a temporary file; 16 bytes of memory a frame."""

    def __init__(self, file: SpillFile) -> None:
        self._frames = file

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self._frames.nbytes

    def append(self, codes: dict[int, bytes]) -> None:
        """Adds the next frame's codes by query; a query without one has no mask there."""
        head = np.zeros(2 + max(codes, default=-1), np.uint32)  # the number of lengths, then a length for each query
        head[0] = len(head) - 1
        for query, code in codes.items():
            head[1 + query] = len(code)
        self._frames.append(b"".join((head.tobytes(), *(codes[query] for query in sorted(codes)))))

    def code(self, frame: int, query: int) -> bytes | None:
        """The code of a mask, or None without a pixel."""
        (count,) = np.frombuffer(self._frames.read(frame, 0, 4), np.uint32)
        if query >= count:
            return None
        lengths = np.frombuffer(self._frames.read(frame, 4, 4 * int(count)), np.uint32)
        if not lengths[query]:
            return None
        start = 4 + 4 * int(count) + int(lengths[:query].sum())
        return self._frames.read(frame, start, int(lengths[query]))


class MaskRecorder:
    """Encodes masks in a thread while the network works on the next frames.

    In each frame the masks of the queries that lead at the time are encoded at once. The others wait for
    `FRAMES_IN_WAITING` frames: if the video ends before, only those of its final tracks are encoded; else all are,
    because any query may lead in the end. Masks without a positive cell are neither kept nor encoded.

    Args:
        sizes: Sizes the masks go through.
        file: Takes the codes until `finish`; without one, only what leads at the time is encoded and nothing is kept.
        features: Takes every frame with all its masks, none of which waits then.
    """

    def __init__(self, sizes: MaskSizes, file: SpillFile | None, features: FeatureWriter | None = None) -> None:
        self._archive = MaskArchive(file) if file is not None else None
        self._waiting: deque[tuple[dict[int, bytes], dict[int, np.ndarray]]] = deque()
        self._renderer = MaskRenderer(sizes)
        self._worker = Behind(depth=_FRAMES_BEHIND)
        self._features = features

    @property
    def temporary_bytes(self) -> int:
        """Size of the temporary file."""
        return 0 if self._archive is None else self._archive.nbytes

    def add(
        self,
        mask_logits: Tensor,
        permutation: Tensor,
        filled: np.ndarray,
        leading: Collection[int],
        features: FrameFeatures | None = None,
    ) -> Future[dict[int, bytes]]:
        """Takes the next frame in.

        Waits while the worker is several frames behind; raises here what went wrong in it.

        Args:
            mask_logits: `(Q, h, w)`, in network order.
            permutation: int64 `(Q,)`, the network's query of each track.
            filled: bool `(Q,)` in track order, whether a mask has a positive cell.
            leading: Tracks to encode at once.
            features: The frame without its masks, where features are kept.

        Returns:
            Codes of the leading tracks that have a mask in the frame, when they are ready.
        """
        codes = self._worker.submit(self._record, mask_logits, permutation, filled, set(leading))
        if features is not None:
            self._worker.submit(self._keep, features)
        return codes

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

    def _keep(self, features: FrameFeatures) -> None:
        """Has the latest frame, with all its masks, among the features."""
        self._features.append(features, self._store(None))

    def _store(self, wanted: set[int] | None) -> dict[int, bytes]:
        """Moves the oldest waiting frame to the archive, with the masks of all tracks or of those wanted."""
        codes, logits = self._waiting.popleft()
        codes = codes | self._encoded(logits, logits if wanted is None else wanted)
        self._archive.append(codes)
        return codes

    def _encoded(self, logits: dict[int, np.ndarray], tracks: Iterable[int]) -> dict[int, bytes]:
        codes = {}
        for track in sorted(logits.keys() & set(tracks)):
            mask = self._renderer.render(logits[track])
            if mask.any():
                codes[track] = coco_mask.encode(mask)["counts"]
        return codes
