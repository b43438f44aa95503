"""From what the queries say, window by window, to tracks: of each frame at once, of the video at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clipvis_core.tracking.live_tracks import LiveRule, LiveState, LiveTracks
from clipvis_core.tracking.mask_archive import MaskRecorder, TrackSegments, rle_record
from clipvis_core.tracking.mask_rendering import MaskSizes
from clipvis_core.tracking.spill_file import FrameRows
from clipvis_core.tracking.temporal_matching import TemporalMatcher
from clipvis_core.tracking.track_scores import FrameOutputs, TrackScores, is_hidden, mask_statistics


@dataclass(frozen=True)
class WindowOutputs:
    """What the network says of n consecutive frames, float32, in network order.

    Attributes:
        class_probs: `(n, Q, K)`, softmax over the categories.
        ious: `(n, Q)` in [0, 1].
        object_logits: `(n, Q, 2)`; 0 = object.
        mask_logits: `(n, Q, h, w)` at stride 4, padding included.
        embeddings: `(n, Q, C)`.
    """

    class_probs: Tensor
    ious: Tensor
    object_logits: Tensor
    mask_logits: Tensor
    embeddings: Tensor

    def frames(self) -> Iterator[FrameOutputs]:
        """The outputs frame by frame, masks as statistics."""
        mask_sums, mask_cells = mask_statistics(self.mask_logits)
        for values in zip(self.class_probs, self.ious, self.object_logits, mask_sums, mask_cells, strict=True):
            yield FrameOutputs(*values)


class FrameTracks:
    """What is known about one frame as soon as it has been taken in: N tracks, best first.

    Attributes:
        frame: Number of the frame, from 0.
        ids: int64 `(N,)`, from 1. A track keeps its id; without a `LiveRule` it is its query's place in track order.
        labels: int64 `(N,)`, 0-based, the best category so far.
        scores: float32 `(N,)`, score so far: of the frames so far (or since the track's start), mask quality included.
    """

    def __init__(self, frame: int, state: LiveState, codes: Future[dict[int, bytes]], size: tuple[int, int]) -> None:
        self.frame = frame
        self.ids = state.ids.numpy()
        self.labels = state.labels.numpy()
        self.scores = state.scores.numpy()
        self._shown = [
            None if hidden else query
            for query, hidden in zip(state.queries.tolist(), state.hidden.tolist(), strict=True)
        ]
        self._codes = codes
        self._size = size

    def masks(self) -> list[dict | None]:
        """The frame's masks: compressed RLE records, or None for a track without a pixel or hardly present here.

        Waits until the worker has them, which takes some milliseconds after the frame was added.
        """
        codes = self._codes.result()
        return [rle_record(codes.get(query), self._size) for query in self._shown]


@dataclass(frozen=True)
class VideoTracks:
    """Result of a video: N (query, category) pairs, best first.

    Attributes:
        scores: `(N,)`.
        labels: int64 `(N,)`, 0-based.
        queries: int64 `(N,)`; pairs of one query share their masks.
        segmentations: N sequences of T entries: a compressed RLE record at output size, or None without a pixel.
    """

    scores: Tensor
    labels: Tensor
    queries: Tensor
    segmentations: Sequence[Sequence[dict | None]]


class StreamingTracker:
    """Follows the queries through a video of any length in constant memory.

    Each frame's tracks are there at once, judged by the frames so far. `finish` gives the published result of the
    whole video: which pairs are best, in which frames each is hidden and what its mask is worth are known only
    then. Until then about 2 KB a frame stay in memory; masks (as run-length codes) and the class probabilities that
    the end may ask for are in temporary files.

    Args:
        sizes: Sizes the masks go through.
        num_memory: Frames remembered by the temporal matching.
        num_match: Memories combined by it.
        weighted: Whether mask IoU and objectness weigh the final scores; see `TrackScores`.
        topk: Most (query, category) pairs.
        live: When tracks start and end in the frames' results; by default each query is one track, from the first
            frame to the last. The final result is the same.
        keep: Whether `finish` will be called. Without, which needs `live`, nothing is kept of past frames: for streams
            without an end.
        folder: Where the temporary files go; by default where the system puts them (`TMPDIR`).

    Example:
        tracker = StreamingTracker(sizes=MaskSizes((480, 864), (480, 853), (720, 1280)))
        for outputs in windows:
            for frame in tracker.add(outputs):
                print(frame.frame, frame.ids, frame.scores)
        tracks = tracker.finish()
    """

    def __init__(
        self,
        *,
        sizes: MaskSizes,
        num_memory: int = 9,
        num_match: int = 5,
        weighted: bool = True,
        topk: int = 50,
        live: LiveRule | None = None,
        keep: bool = True,
        folder: str | None = None,
    ) -> None:
        if live is None and not keep:
            raise ValueError("keep=False needs a live rule: without one, tracks count from the first frame")
        self.sizes = sizes
        self.topk = topk
        self._permutations = FrameRows("h")
        self.scores = TrackScores(folder, weighted=weighted)
        self._matcher = TemporalMatcher(num_memory, num_match)
        self._live = LiveTracks(live) if live is not None else None
        self._keep = keep
        self._folder = folder
        self._num_frames = 0
        self._recorder: MaskRecorder | None = None

    def __len__(self) -> int:
        """T, the number of frames so far."""
        return self._num_frames

    @property
    def permutations(self) -> np.ndarray:
        """The network's query of each track in each frame, int16 `(T, Q)`."""
        return self._permutations.table()

    @property
    def temporary_bytes(self) -> int:
        """Size of the temporary files."""
        masks = 0 if self._recorder is None else self._recorder.temporary_bytes
        return masks + self.scores.temporary_bytes

    @torch.no_grad()
    def add(self, outputs: WindowOutputs) -> list[FrameTracks]:
        """Takes the next frames in, and says what is known about each.

        Raises:
            InputError: The disk is full.
        """
        if self._recorder is None:
            queries = outputs.embeddings.shape[1]
            self._recorder = MaskRecorder(queries, self.sizes, keep=self._keep, folder=self._folder)
        permutations = self._matcher.steps(outputs.embeddings)
        frames = zip(outputs.frames(), permutations, outputs.mask_logits, strict=True)
        return [self._add(*frame) for frame in frames]

    def _add(self, frame: FrameOutputs, permutation: Tensor, mask_logits: Tensor) -> FrameTracks:
        aligned = frame.permuted(permutation)
        if self._keep:
            self._permutations.append(permutation.cpu().numpy())
        state = self._judge(aligned)
        filled = (aligned.mask_cells > 0).cpu().numpy()
        codes = self._recorder.add(mask_logits, permutation, filled, leading=state.queries.tolist())
        self._num_frames += 1
        return FrameTracks(self._num_frames - 1, state, codes, self.sizes.output)

    def _judge(self, frame: FrameOutputs) -> LiveState:
        """Takes a frame's outputs, in track order, into the scores, and says which tracks it has."""
        if self._keep:
            self.scores.update(frame)
        if self._live is not None:
            return self._live.update(frame)
        pairs = self.scores.top_pairs(self.topk)
        # Pairs come best first: a query's first one is its best name.
        queries, first = np.unique(pairs.queries.cpu().numpy(), return_index=True)
        queries = torch.from_numpy(queries).to(pairs.queries.device)
        labels, class_scores = pairs.labels[first], pairs.class_scores[first]
        return LiveState(
            ids=queries + 1,
            queries=queries,
            labels=labels,
            scores=class_scores * self.scores.mask_quality()[queries],
            hidden=is_hidden(frame, queries, labels, class_scores),
        ).sorted()

    @torch.no_grad()
    def finish(self) -> VideoTracks:
        """The video's tracks.

        Raises:
            ValueError: No frame was added, or the tracker was made with `keep=False`.
        """
        if not self._keep:
            raise ValueError("nothing was kept of past frames: there is no result of the whole")
        top = self.scores.top(self.topk)
        archive = self._recorder.finish(top.queries.tolist())
        segmentations = [
            TrackSegments(archive, query, hidden, self.sizes.output)
            for query, hidden in zip(top.queries.tolist(), top.hidden.numpy(), strict=True)
        ]
        return VideoTracks(top.scores, top.labels, top.queries, segmentations)
