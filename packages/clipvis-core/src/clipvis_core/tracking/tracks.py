"""The tracks of a frame, as they are known by then, and those of a whole video."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from torch import Tensor

from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.mask_archive import MaskArchive
from clipvis_core.tracking.track_scores import TopTracks


@dataclass(frozen=True)
class FrameTracks:
    """What is known about one frame as soon as it has been taken in: N tracks, best first.

    Attributes:
        ids: int64 `(N,)`, from 1. A track keeps its id; without a `LiveRule` it is its query's place in track order.
        queries: int64 `(N,)`, the query (in track order) that carries each.
        labels: int64 `(N,)`, 0-based, the best category so far.
        scores: float32 `(N,)`, score so far: of the frames so far (or since the track's start), mask quality included.
        hidden: bool `(N,)`, whether the track's presence in the frame is too low to show its mask.
        calibrated: float32 `(N,)`, as in `VideoTracks`, of the frames so far; None without contrast words.
        frame: Number of the frame, from 0.
        size: (H, W) of the masks.
        codes: Run-length codes of the frame's masks by query, when they are ready.
    """

    ids: np.ndarray
    queries: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    hidden: np.ndarray
    calibrated: np.ndarray | None = None
    frame: int = 0
    size: tuple[int, int] = (0, 0)
    codes: Future[dict[int, bytes]] | None = None

    @classmethod
    def best_first(
        cls,
        ids: Tensor,
        queries: Tensor,
        labels: Tensor,
        scores: Tensor,
        hidden: Tensor,
        contrast: ContrastScores | None = None,
    ) -> FrameTracks:
        """Tracks in any order, sorted by score; `contrast` judges them where there are contrast words."""
        values = [ids, queries, labels, scores, hidden]
        if contrast:
            values.append(contrast.scores(queries, labels))
        order = scores.argsort(descending=True, stable=True)
        return cls(*(value[order].cpu().numpy() for value in values))

    def masked(self, frame: int, size: tuple[int, int], codes: Future[dict[int, bytes]]) -> FrameTracks:
        """The same with the frame's number and masks."""
        return replace(self, frame=frame, size=size, codes=codes)

    def masks(self) -> list[dict | None]:
        """The frame's masks: compressed RLE records, or None for a track without a pixel or hardly present here.

        Waits until the worker has them, which takes some milliseconds after the frame was added.
        """
        codes = self.codes.result()
        shown = zip(self.queries.tolist(), self.hidden.tolist(), strict=True)
        return [None if hidden else rle_record(codes.get(query), self.size) for query, hidden in shown]

    def records(self, names: Sequence[str], score_thr: float = 0.0) -> list[dict]:
        """The tracks with at least this score, ready for JSON; waits for their masks.

        Args:
            names: Name of each of the K categories.
            score_thr: Least score.

        Returns:
            Objects with `id`, `category_id` (from 1), `label`, `score`, `segmentation` (RLE or None) and, with
            contrast words, `calibrated_score`, by which they are then chosen.
        """
        values = zip(self.ids.tolist(), self.labels.tolist(), self.scores.tolist(), self.masks(), strict=True)
        records = [
            {"id": track, "category_id": label + 1, "label": names[label], "score": score, "segmentation": mask}
            for track, label, score, mask in values
        ]
        if self.calibrated is not None:
            for record, score in zip(records, self.calibrated.tolist(), strict=True):
                record["calibrated_score"] = score
        answers = (record for record in records if record.get("calibrated_score", 1.0) > 0)
        return [record for record in answers if shown_score(record) >= score_thr]


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


@dataclass(frozen=True)
class VideoTracks:
    """Result of a video: N (query, category) pairs, best first.

    Attributes:
        scores: `(N,)`.
        labels: int64 `(N,)`, 0-based.
        queries: int64 `(N,)`; pairs of one query share their masks.
        segmentations: N sequences of T entries: a compressed RLE record at output size, or None without a pixel.
        calibrated: `(N,)`, scores after comparison with contrast words, see `ContrastScores`; None without such words.
    """

    scores: Tensor
    labels: Tensor
    queries: Tensor
    segmentations: Sequence[Sequence[dict | None]]
    calibrated: Tensor | None = None

    @classmethod
    def of(cls, top: TopTracks, archive: MaskArchive, size: tuple[int, int], contrast: ContrastScores) -> VideoTracks:
        """The best pairs of a video with their masks of a size (H, W), judged by contrast words where there are any."""
        segmentations = [
            TrackSegments(archive, query, hidden, size)
            for query, hidden in zip(top.queries.tolist(), top.hidden.numpy(), strict=True)
        ]
        calibrated = contrast.scores(top.queries, top.labels).cpu() if contrast else None
        return cls(top.scores, top.labels, top.queries, segmentations, calibrated)


def shown_score(record: dict) -> float:
    """The score that a track's record is shown with: the calibrated one, if it has one."""
    return record.get("calibrated_score", record["score"])


def rle_record(code: bytes | None, size: tuple[int, int]) -> dict | None:
    """A code as the record that result files hold, with `counts` as str."""
    return None if code is None else {"size": list(size), "counts": code.decode("ascii")}
