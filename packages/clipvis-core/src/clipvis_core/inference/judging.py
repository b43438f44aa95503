"""What a video's kept features say of its tracks under some words."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from clipvis_core.pipelining import ahead
from clipvis_core.text import VocabularyEmbedding
from clipvis_core.text.naming import name_regions
from clipvis_core.tracking import TrackScores
from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.feature_file import FeatureFile
from clipvis_core.tracking.frame_features import FrameFeatures

TRACKS_FIRST = 16  # looked at first, to see which others can be among the best
_NOISE = 1e-4  # of float32, generously
_PAIRS_TOGETHER = 2**20  # (track, word) pairs of the frames that are judged together
_REGIONS_TOGETHER = 2**12  # their regions, which are many where few words are asked for
_SILENT_SECONDS = 2


class Words:
    """Categories and contrast words, as the encoder of some features sees them.

    Args:
        scale: The encoder's `logit_scale`.
        asked: The categories.
        contrast: Words nobody asked for, or None.
    """

    def __init__(self, scale: float, asked: VocabularyEmbedding, contrast: VocabularyEmbedding | None) -> None:
        self.scale = scale
        self.asked = asked
        self.contrast = contrast

    def __len__(self) -> int:
        """K + M, categories and contrast words."""
        return len(self.asked.vocabulary) + (len(self.contrast.vocabulary) if self.contrast is not None else 0)

    def without_contrast(self) -> Words:
        """The categories alone."""
        return Words(self.scale, self.asked, None)

    def judge(self, regions: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """Of regions `(..., D)`, probabilities `(..., K)` and, beside contrast words, logits `(..., K + M)`; see
        `name_regions`."""
        return name_regions(torch.from_numpy(regions), self.scale, self.asked, self.contrast)


class CertainProbs:
    """`DoubtfulProbs` of 1 everywhere: of the most that a track can score."""

    nbytes = 0

    def append(self, class_probs: Tensor, in_doubt: np.ndarray) -> None:
        """Keeps nothing."""

    def read(self, frame: int, in_doubt: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `DoubtfulProbs`."""
        return np.ones(len(labels), np.float32)


class RecalledProbs:
    """`DoubtfulProbs` that are computed again when they are asked for.

    Args:
        features: The video.
        words: What is asked for.
        tracks: int64 `(S,)`, the tracks whose scores are collected.
    """

    nbytes = 0

    def __init__(self, features: FeatureFile, words: Words, tracks: np.ndarray) -> None:
        self._features = features
        self._words = words.without_contrast()
        self._tracks = tracks

    def append(self, class_probs: Tensor, in_doubt: np.ndarray) -> None:
        """Keeps nothing."""

    def read(self, frame: int, in_doubt: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `DoubtfulProbs`."""
        probs, _ = self._words.judge(self._features.frame(frame, self._tracks[queries]).regions)
        return probs[torch.arange(len(labels)), torch.from_numpy(labels)].numpy()


@dataclass(frozen=True)
class Judged:
    """What all frames say of some tracks.

    Attributes:
        tracks: int64 `(S,)`, ascending; in the scores they count from 0.
        scores: Their scores.
        contrast: Those beside contrast words; false where there are none.
    """

    tracks: np.ndarray
    scores: TrackScores
    contrast: ContrastScores


def judge_best(features: FeatureFile, words: Words, topk: int, *, progress: bool = False) -> Judged:
    """The tracks that can be among the best pairs under these words.

    Objectness and predicted IoU bound a track's score whatever its name: with probabilities of 1. The tracks with the
    highest bounds are looked at first; those whose bound is below the scores of their `topk` best pairs are out.
    """
    bounds = score_bounds(features)
    first = np.argsort(-bounds, kind="stable")[:TRACKS_FIRST]
    bar = tqdm(desc="asking", unit="frame", total=2 * len(features), disable=not progress, delay=_SILENT_SECONDS)
    with bar:
        parts = [judge(features, words, np.sort(first), bar)]
        best = parts[0].scores.top_pairs(topk).class_scores
        least = float(best[-1]) if len(best) == topk else 0.0
        others = np.setdiff1d(np.flatnonzero(bounds * (1 + _NOISE) >= least), first)
        if len(others):
            parts.append(judge(features, words, others, bar))
        bar.update(bar.total - bar.n)
    return joined(features, words, parts)


def judge(features: FeatureFile, words: Words, tracks: np.ndarray, bar: tqdm | None = None) -> Judged:
    """What all frames say of some tracks, int64 `(S,)`.

    Args:
        features: The video.
        words: What is asked for.
        tracks: Ascending.
        bar: Is told of each frame.
    """
    scores = TrackScores(RecalledProbs(features, words, tracks), weighted=features.facts.weighted)
    contrast = ContrastScores(features.facts.calibration)
    together = max(1, min(_PAIRS_TOGETHER // len(words), _REGIONS_TOGETHER) // len(tracks))
    frames = ahead(features.frames(tracks), depth=together)
    with closing(frames):
        while batch := list(islice(frames, together)):
            class_probs, contrast_logits = words.judge(np.stack([frame.regions for frame in batch]))
            rows = class_probs, *(torch.stack(values) for values in zip(*map(measured, batch), strict=True))
            scores.update_frames(*rows)
            if contrast_logits is not None:
                contrast.update_frames(contrast_logits, *rows)
            if bar is not None:
                bar.update(len(batch))
    return Judged(tracks, scores, contrast)


def joined(features: FeatureFile, words: Words, parts: Sequence[Judged]) -> Judged:
    """Tracks that were judged apart, in order."""
    tracks = np.concatenate([part.tracks for part in parts])
    order = np.argsort(tracks)
    tracks = tracks[order]
    scores = TrackScores.joined([part.scores for part in parts], order, RecalledProbs(features, words, tracks))
    return Judged(tracks, scores, ContrastScores.joined([part.contrast for part in parts], order))


def score_bounds(features: FeatureFile) -> np.ndarray:
    """The most that each track can score, float32 `(Q,)`."""
    scores = TrackScores(CertainProbs(), weighted=features.facts.weighted)
    for frame in features.frames(named=False):
        scores.update(torch.ones((len(frame.ious), 1)), *measured(frame))
    return scores.scores().squeeze(1).numpy()


def measured(frame: FrameFeatures) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """IoUs, object logits, mask sums and mask cells, as `FrameOutputs.rows` gives them."""
    values = (frame.ious, frame.object_logits, frame.mask_sums, frame.mask_cells)
    return tuple(torch.from_numpy(value.copy()) for value in values)
