"""A video's tracks under other words, from kept features: what `Tracker` does after the network."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.rle import RleError, validate_rles
from clipvis_core.text import VocabularyEmbedding
from clipvis_core.text.naming import name_regions
from clipvis_core.tracking import TopTracks, TrackScores, VideoTracks
from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.feature_file import FeatureFile
from clipvis_core.tracking.frame_features import FrameFeatures
from clipvis_core.tracking.image_scores import rank_image_pairs, top_image_pairs
from clipvis_core.tracking.mask_archive import MaskArchive
from clipvis_core.tracking.spill_file import SpillFile

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

    def probabilities(self, regions: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """Of regions `(Q, D)`, `(Q, K)` and, beside contrast words, `(Q, K + M)`; see `name_regions`."""
        return name_regions(torch.from_numpy(regions), self.scale, self.asked, self.contrast)


class RecalledProbs:
    """`DoubtfulProbs` that are computed again when they are asked for."""

    nbytes = 0

    def __init__(self, features: FeatureFile, words: Words) -> None:
        self._features = features
        self._words = Words(words.scale, words.asked, None)

    def append(self, class_probs: Tensor, in_doubt: np.ndarray) -> None:
        """Keeps nothing."""

    def read(self, frame: int, in_doubt: np.ndarray, queries: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `DoubtfulProbs`."""
        probs, _ = self._words.probabilities(self._features.frame(frame).regions[queries])
        return probs[torch.arange(len(labels)), torch.from_numpy(labels)].numpy()


@torch.no_grad()
def replay_image(features: FeatureFile, words: Words, topk: int) -> VideoTracks:
    """What `CLIPVISImage` says of an image under these words.

    Raises:
        InputError: The features are damaged, or the disk is full.
    """
    frame = features.frame(0)
    class_probs, contrast_probs = words.probabilities(frame.regions)
    ious, object_logits, *statistics = measured(frame)
    pairs = top_image_pairs(class_probs, ious, object_logits, topk)
    scores, order = rank_image_pairs(pairs, torch.from_numpy(frame.quality.copy())[pairs.queries])
    hidden = torch.zeros((len(order), 1), dtype=torch.bool)
    values = (value[order] for value in (pairs.queries, pairs.labels, pairs.class_scores))
    contrast = ContrastScores(features.facts.calibration)
    if contrast_probs is not None:
        contrast.update(contrast_probs, class_probs, ious, object_logits, *statistics)
    size = features.facts.height, features.facts.width
    archive = masks_of(features, set(pairs.queries.tolist()))
    return VideoTracks.of(TopTracks(*values, scores, hidden), archive, size, contrast)


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
    scores = TrackScores(RecalledProbs(features, words), weighted=features.facts.weighted)
    contrast = ContrastScores(features.facts.calibration)
    frames = tqdm(features, "asking", unit="frame", total=len(features), disable=not progress, delay=_SILENT_SECONDS)
    for frame in frames:
        class_probs, contrast_probs = words.probabilities(frame.regions)
        rows = class_probs, *measured(frame)
        scores.update(*rows)
        if contrast_probs is not None:
            contrast.update(contrast_probs, *rows)
    top = scores.top(topk)
    size = features.facts.height, features.facts.width
    return VideoTracks.of(top, masks_of(features, set(top.queries.tolist())), size, contrast)


def measured(frame: FrameFeatures) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """IoUs, object logits, mask sums and mask cells, as `FrameOutputs.rows` gives them."""
    values = (frame.ious, frame.object_logits, frame.mask_sums, frame.mask_cells)
    return tuple(torch.from_numpy(value.copy()) for value in values)


def masks_of(features: FeatureFile, tracks: set[int]) -> MaskArchive:
    """The masks of some tracks, checked, in a temporary file of their own."""
    archive = MaskArchive(SpillFile())
    height, width = features.facts.height, features.facts.width
    for t in range(len(features)):
        codes = {track: code for track, code in features.codes(t).items() if track in tracks}
        records = [{"size": [height, width], "counts": code} for code in codes.values()]
        try:
            checked = validate_rles(records, height, width)
        except RleError as error:
            raise InputError(f"the features are damaged: a mask of frame {t} {error}; run clipvis again") from None
        archive.append({track: as_bytes(mask["counts"]) for track, mask in zip(codes, checked, strict=True)})
    return archive


def as_bytes(counts: bytes | str) -> bytes:
    """A run-length code as bytes."""
    return counts if isinstance(counts, bytes) else counts.encode("ascii")
