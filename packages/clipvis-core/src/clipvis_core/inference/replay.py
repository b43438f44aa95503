"""A video's tracks under other words, from kept features: what `Tracker` does after the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.rle import RleError, validate_rles
from clipvis_core.pipelining import ahead, mapped
from clipvis_core.text import VocabularyEmbedding
from clipvis_core.text.naming import name_regions
from clipvis_core.tracking import TopTracks, TrackScores, VideoTracks
from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.feature_file import FeatureFile
from clipvis_core.tracking.frame_features import FrameFeatures
from clipvis_core.tracking.image_scores import rank_image_pairs, top_image_pairs
from clipvis_core.tracking.mask_archive import MaskArchive
from clipvis_core.tracking.spill_file import SpillFile

TRACKS_FIRST = 16  # looked at first, to see which others can be among the best
_NOISE = 1e-4  # of float32, generously
_PAIRS_TOGETHER = 2**18  # (track, word) pairs of the frames that are judged together
_FRAMES_CHECKED = 32  # whose masks are checked together
_CHECKERS = 2  # threads that check masks
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


class NoProbs:
    """`DoubtfulProbs` where only scores are asked for, not hidden frames."""

    nbytes = 0

    def append(self, class_probs: Tensor, in_doubt: np.ndarray) -> None:
        """Keeps nothing."""

    def read(self, frame: int, in_doubt: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Is not called."""
        raise NotImplementedError


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


@torch.no_grad()
def replay_image(features: FeatureFile, words: Words, topk: int) -> VideoTracks:
    """What `CLIPVISImage` says of an image under these words.

    Raises:
        InputError: The features are damaged, or the disk is full.
    """
    frame = features.frame(0)
    class_probs, contrast_logits = words.judge(frame.regions)
    ious, object_logits, *statistics = measured(frame)
    pairs = top_image_pairs(class_probs, ious, object_logits, topk)
    scores, order = rank_image_pairs(pairs, torch.from_numpy(frame.quality.copy())[pairs.queries])
    hidden = torch.zeros((len(order), 1), dtype=torch.bool)
    values = (value[order] for value in (pairs.queries, pairs.labels, pairs.class_scores))
    contrast = ContrastScores(features.facts.calibration)
    if contrast_logits is not None:
        contrast.update(contrast_logits, class_probs, ious, object_logits, *statistics)
    top = TopTracks(*values, scores, hidden)
    calibrated = contrast.scores(top.queries, top.labels) if contrast else None
    size = features.facts.height, features.facts.width
    return VideoTracks.of(top, masks_of(features, set(pairs.queries.tolist())), size, calibrated)


@torch.no_grad()
def replay(features: FeatureFile, words: Words, topk: int, *, progress: bool = False) -> VideoTracks:
    """The published result of the video under these words; in memory is one frame and about 2 KB of each other.

    Args:
        features: The video.
        words: What is asked for.
        topk: Most (query, category) pairs.
        progress: Show a progress bar where it takes more than two seconds.

    Raises:
        InputError: The features are damaged, or the disk is full.
    """
    judged = judge_best(features, words, topk, progress=progress)
    top = judged.scores.top(topk)
    calibrated = judged.contrast.scores(top.queries, top.labels).cpu() if judged.contrast else None
    top = replace(top, queries=torch.from_numpy(judged.tracks)[top.queries])
    size = features.facts.height, features.facts.width
    return VideoTracks.of(top, masks_of(features, set(top.queries.tolist())), size, calibrated)


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
    """What all frames say of some tracks, int64 `(S,)`; their hidden frames are not looked up.

    Args:
        features: The video.
        words: What is asked for.
        tracks: Ascending.
        bar: Is told of each frame.
    """
    scores = TrackScores(NoProbs(), weighted=features.facts.weighted)
    contrast = ContrastScores(features.facts.calibration)
    together = max(1, _PAIRS_TOGETHER // (len(tracks) * len(words)))
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
    """Tracks that were judged apart, in order, with what their hidden frames need."""
    tracks = np.concatenate([part.tracks for part in parts])
    order = np.argsort(tracks)
    tracks = tracks[order]
    scores = TrackScores.joined([part.scores for part in parts], order, RecalledProbs(features, words, tracks))
    return Judged(tracks, scores, ContrastScores.joined([part.contrast for part in parts], order))


def score_bounds(features: FeatureFile) -> np.ndarray:
    """The most that each track can score, float32 `(Q,)`."""
    scores = TrackScores(NoProbs(), weighted=features.facts.weighted)
    for frame in features.frames(named=False):
        scores.update(torch.ones((len(frame.ious), 1)), *measured(frame))
    return scores.scores().squeeze(1).numpy()


def measured(frame: FrameFeatures) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """IoUs, object logits, mask sums and mask cells, as `FrameOutputs.rows` gives them."""
    values = (frame.ious, frame.object_logits, frame.mask_sums, frame.mask_cells)
    return tuple(torch.from_numpy(value.copy()) for value in values)


def masks_of(features: FeatureFile, tracks: set[int]) -> MaskArchive:
    """The masks of some tracks, checked, in a temporary file of their own.

    Raises:
        InputError: One is none of a mask of this size, or the disk is full.
    """
    archive = MaskArchive(SpillFile())
    height, width = features.facts.height, features.facts.width
    unpacked = ahead(codes_of(features, tracks), depth=_CHECKERS)
    with closing(unpacked):
        for frames in mapped(partial(checked, height=height, width=width), unpacked, _CHECKERS):
            for codes in frames:
                archive.append(codes)
    return archive


Codes = dict[int, bytes]  # of the masks of a frame, by track


def codes_of(features: FeatureFile, tracks: set[int]) -> Iterator[tuple[int, list[Codes]]]:
    """The run-length codes of some tracks' masks, not checked: of `_FRAMES_CHECKED` frames each, after the first's
    number."""
    for start in range(0, len(features), _FRAMES_CHECKED):
        frames = map(features.codes, range(start, min(start + _FRAMES_CHECKED, len(features))))
        yield start, [{track: code for track, code in codes.items() if track in tracks} for codes in frames]


def checked(numbered: tuple[int, list[Codes]], *, height: int, width: int) -> list[Codes]:
    """The codes that pycocotools may see, of the same masks.

    Raises:
        InputError: One is none of a mask of this size.
    """
    start, frames = numbered
    records = [{"size": [height, width], "counts": code} for codes in frames for code in codes.values()]
    try:
        masks = iter(validate_rles(records, height, width))
    except RleError as error:
        places = [t for t, codes in enumerate(frames, start) for _ in codes]
        raise InputError(
            f"the features are damaged: a mask of frame {places[error.index]} {error}; run clipvis again"
        ) from None
    return [{track: _as_bytes(next(masks)["counts"]) for track in codes} for codes in frames]


def _as_bytes(counts: str | bytes) -> bytes:
    return counts if isinstance(counts, bytes) else counts.encode("ascii")
