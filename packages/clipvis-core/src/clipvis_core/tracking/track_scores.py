"""Track scores: sums over a video's frames, then the top (query, category) pairs (docs/model.md, equation 14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clipvis_core.tracking.doubtful_probs import DoubtfulProbs, SpilledProbs
from clipvis_core.tracking.spill_file import FrameRows

#: A frame of a track is shown if its presence reaches this share of the track's score.
PRESENCE_SHARE = 0.1

# Sigmoid of a probability: how little and how much a frame's class probability can weigh in its presence.
_SIGMOID_0, _SIGMOID_1 = 0.5, 0.7310586
# With an objectness above this no frame is ever hidden: the score is at most 1. (The last digit is for rounding.)
_ALWAYS_PRESENT = 1.0001 * PRESENCE_SHARE**2 / _SIGMOID_0


def is_hidden(class_probs: Tensor, object_logits: Tensor, class_scores: Tensor) -> Tensor:
    """Frame gate: whether the presence of (query, category) pairs in a frame is too low for their scores.

    Presence is sqrt(sigmoid(p) * objectness of the frame). That p is a probability already, and its sigmoid between 0.5
    and 0.73, is part of the method as released.

    Args:
        class_probs: `(N,)`, p of each pair in the frame.
        object_logits: `(N, 2)`, of each pair's query in the frame.
        class_scores: `(N,)`, track scores before mask quality.

    Returns:
        bool `(N,)`; with scores of 0, or outputs that are not finite, nothing is hidden.
    """
    presence = (class_probs.sigmoid() * object_logits.softmax(dim=-1)[:, 0]).sqrt()
    return presence < PRESENCE_SHARE * class_scores


@dataclass(frozen=True)
class TopPairs:
    """The N best (query, category) pairs of the frames so far, by track score.

    Attributes:
        queries: int64 `(N,)`, track index; one query may stand here under several categories.
        labels: int64 `(N,)`, 0-based.
        class_scores: `(N,)`, track score before mask quality.
    """

    queries: Tensor
    labels: Tensor
    class_scores: Tensor


@dataclass(frozen=True)
class TopTracks(TopPairs):
    """The N best (query, category) pairs of a video, by reported score.

    Attributes:
        scores: `(N,)`, reported score: the track score times the mean of the mask's sigmoid in the frames shown.
        hidden: bool `(N, T)`, frames in which the pair's mask is empty because its presence is too low.
    """

    scores: Tensor
    hidden: Tensor


class TrackScores:
    """Collects what the scores need of each frame, in about 2 KB of memory a frame.

    In which frames a pair is hidden depends on its final score, and so does the reported score; of each frame the
    objectness and the sums over each mask are kept in memory. The class probabilities decide only where the
    objectness is below 0.02, and by a factor between 0.5 and 0.73: those rows go to a file.

    Args:
        class_probs: Gives those rows back; by default a file of its own.
        weighted: Whether mask IoU and objectness weigh the class probabilities (paper: weighted open-vocabulary
            classification). Without, which is there for ablations, a track scores the mean of its probabilities.
    """

    def __init__(self, class_probs: DoubtfulProbs | None = None, *, weighted: bool = True) -> None:
        self.weighted = weighted
        self._class_sum: Tensor | None = None
        self._object_sum: Tensor | None = None
        self._frames = FrameRows("f")  # of each query: objectness, sum over its mask, cells of its mask
        self._mask_totals: np.ndarray | float = 0.0
        self._class_probs = SpilledProbs() if class_probs is None else class_probs

    def __len__(self) -> int:
        """T, the number of frames so far."""
        return len(self._frames)

    @property
    def temporary_bytes(self) -> int:
        """Size of the temporary file."""
        return self._class_probs.nbytes

    @classmethod
    def joined(cls, parts: Sequence[TrackScores], order: np.ndarray, class_probs: DoubtfulProbs) -> TrackScores:
        """Scores of other tracks of the same frames as one.

        Args:
            parts: At least one, each of some tracks.
            order: int64 `(Q,)`, which of all their tracks, counted one part after the other, each one is.
            class_probs: Gives back the rows of all of them.
        """
        joined = cls(class_probs, weighted=parts[0].weighted)
        rows = torch.from_numpy(order).to(parts[0]._class_sum.device)
        joined._class_sum = torch.cat([part._class_sum for part in parts])[rows]
        joined._object_sum = torch.cat([part._object_sum for part in parts])[rows]
        joined._mask_totals = np.concatenate([part._mask_totals for part in parts], axis=-1)[:, order]
        for frame in np.concatenate([part._table() for part in parts], axis=-1)[..., order]:
            joined._frames.append(frame)
        return joined

    def update(self, *frame: Tensor) -> None:
        """Adds the next frame, as `FrameOutputs.rows` gives it in track order."""
        self.update_frames(*(value[None] for value in frame))

    def update_frames(
        self, class_probs: Tensor, ious: Tensor, object_logits: Tensor, mask_sums: Tensor, mask_cells: Tensor
    ) -> None:
        """Adds the next n frames at once: what `update` takes of each, `(n, Q, ...)`."""
        joint = (class_probs * ious.unsqueeze(-1)).sqrt_() if self.weighted else class_probs
        class_sum, object_sum = joint.sum(dim=0), object_logits.sum(dim=0)
        if self._class_sum is None:
            self._class_sum, self._object_sum = class_sum, object_sum
        else:
            self._class_sum += class_sum
            self._object_sum += object_sum
        object_probs = object_logits.softmax(dim=-1)[..., 0]
        small = torch.stack([object_probs, mask_sums, mask_cells], dim=1).cpu().numpy()
        self._mask_totals = self._mask_totals + small[:, 1:].sum(axis=0, dtype=np.float64)
        for probs, frame in zip(class_probs, small, strict=True):
            self._frames.append(frame)
            self._class_probs.append(probs, _in_doubt(frame))

    def scores(self) -> Tensor:
        """Track scores before mask quality, `(Q, K)`: sqrt(mean sqrt(p IoU) * softmax(mean object logits)).

        Not weighted: mean p. A track whose outputs are not finite scores 0.
        """
        if self._class_sum is None:
            raise ValueError("no frame has been added")
        scores = self._class_sum / len(self)
        if self.weighted:
            objectness = (self._object_sum / len(self)).softmax(dim=-1)[:, :1]
            scores = (scores * objectness).sqrt()
        return scores.nan_to_num(nan=0.0, posinf=0.0)

    def mask_quality(self) -> Tensor:
        """Mean sigmoid in the masks of all frames so far, hidden or not, `(Q,)`."""
        sums, cells = self._mask_totals
        return torch.from_numpy((sums / (cells + 1e-6)).astype(np.float32)).to(self._class_sum.device)

    def top_pairs(self, k: int) -> TopPairs:
        """The `k` best pairs so far (all, if there are fewer), sorted by track score."""
        scores = self.scores()
        class_scores, pairs = scores.flatten().topk(min(k, scores.numel()))
        return TopPairs(pairs // scores.shape[1], pairs % scores.shape[1], class_scores)

    def top(self, k: int) -> TopTracks:
        """The `k` best pairs of the video, on the CPU, hidden frames and mask quality included."""
        pairs = self.top_pairs(k)
        queries, labels, class_scores = (value.cpu().numpy() for value in vars(pairs).values())
        frames = self._table()
        hidden = np.stack([self._hidden(t, frame, queries, labels, class_scores) for t, frame in enumerate(frames)])

        shown = ~hidden
        sums = (frames[:, 1, queries] * shown).sum(axis=0, dtype=np.float64)
        cells = (frames[:, 2, queries] * shown).sum(axis=0, dtype=np.float64)
        reported = np.nan_to_num(class_scores * (sums / (cells + 1e-6)).astype(np.float32), nan=0.0)
        order = np.argsort(-reported, kind="stable")
        return TopTracks(
            *(torch.from_numpy(value[order]) for value in (queries, labels, class_scores, reported, hidden.T))
        )

    def mask_cells(self) -> np.ndarray:
        """Number of positive cells of each track's mask in each frame, `(T, Q)`."""
        return self._table()[:, 2]

    def _table(self) -> np.ndarray:
        """Objectness, sum over the mask and cells of the mask, `(T, 3, Q)`."""
        rows = self._frames.table()
        return rows.reshape(len(rows), 3, -1)

    def _hidden(
        self, t: int, frame: np.ndarray, queries: np.ndarray, labels: np.ndarray, class_scores: np.ndarray
    ) -> np.ndarray:
        """Which of the pairs are hidden in frame `t`, bool `(N,)`: `is_hidden` from what was kept.

        Where a query has no mask in the frame, it does not matter, and False stands for either.
        """
        least = PRESENCE_SHARE * class_scores
        object_probs = frame[0, queries]
        hidden = np.sqrt(_SIGMOID_1 * object_probs) < least
        in_doubt = _in_doubt(frame)
        hidden &= in_doubt[queries]
        undecided = np.flatnonzero(in_doubt[queries] & ~hidden & (np.sqrt(_SIGMOID_0 * object_probs) < least))
        if len(undecided):
            probs = self._class_probs.read(t, in_doubt, queries[undecided], labels[undecided])
            weight = 1.0 / (1.0 + np.exp(-probs))
            hidden[undecided] = np.sqrt(weight * object_probs[undecided]) < least[undecided]
        return hidden


def _in_doubt(frame: np.ndarray) -> np.ndarray:
    """Queries, bool `(Q,)`, that have a mask in a frame `(3, Q)` of the table and might be hidden in it."""
    return (frame[0] < _ALWAYS_PRESENT) & (frame[2] > 0)
