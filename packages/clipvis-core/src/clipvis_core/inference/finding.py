"""When in a video its tracks match words best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.asking import Asker, Categories
from clipvis_core.inference.judging import Words, measured
from clipvis_core.inference.result import DrawnTracks
from clipvis_core.text.contrast import AUTO
from clipvis_core.tracking.frame_features import FrameFeatures


@dataclass(frozen=True)
class Moment:
    """When a track matches its word best.

    Attributes:
        time: Seconds from the first frame.
        frame: Number of the frame, from 0.
        first: Seconds at which the track is first seen.
        last: Seconds at which it is last seen.
        track: Its number in the answer for these words, from 1.
        label: The word.
        score: Shown score of the track.
        is_drawn: Whether the score is one from which a run draws a track by default.
    """

    time: float
    frame: int
    first: float
    last: float
    track: int
    label: str
    score: float
    is_drawn: bool


@torch.no_grad()
def find_moments(
    asker: Asker,
    vocabulary: Categories,
    *,
    contrast: Vocabulary | str | Path | None = AUTO,
    score_thr: float = 0.0,
    most: int = 10,
) -> list[Moment]:
    """The best moment of each track that answers to some words, best track first.

    A track is at its best in the frame whose own score is highest: the word's probability beside contrast words,
    predicted IoU, objectness and mask quality of that frame alone.

    Args:
        asker: The video.
        vocabulary: The words.
        contrast: As for `CLIPVISInferencer`.
        score_thr: Least score of a track.
        most: Tracks, at most.

    Raises:
        InputError: As `Asker.ask`.
    """
    result = asker.ask(vocabulary, contrast=contrast)
    drawn = result.drawn(score_thr).first(most)
    if not drawn.indices:
        return []
    seen = np.array([[mask is not None for mask in result.tracks.segmentations[index]] for index in drawn.indices])
    scores = frame_scores(asker, drawn, asker.words(vocabulary, contrast))
    best = np.where(seen, scores, -1.0).argmax(axis=1)
    least_drawn = asker.score_thr(result)
    moments = []
    for frame, line, frames in zip(best.tolist(), drawn.summary(), seen, strict=True):
        first, last = (float(result.times[t]) for t in np.flatnonzero(frames)[[0, -1]])
        times = (float(result.times[frame]), frame, first, last)
        moments.append(Moment(*times, line.track, line.label, line.score, line.score >= least_drawn))
    return moments


def frame_scores(asker: Asker, drawn: DrawnTracks, words: Words) -> np.ndarray:
    """Each track's score in each frame alone, float32 `(N, T)`."""
    queries, labels = (values[drawn.indices] for values in (drawn.result.tracks.queries, drawn.result.tracks.labels))
    columns = [frame_score(frame, labels, words).numpy() for frame in asker.features.frames(queries.numpy())]
    return np.stack(columns, axis=1)


def frame_score(frame: FrameFeatures, labels: Tensor, words: Words) -> Tensor:
    """Scores of a frame's N queries, each under a category, `(N,)`, in that frame alone."""
    probs, beside = words.judge(frame.regions)
    if beside is not None:
        probs = beside.softmax(dim=-1)
    ious, object_logits, sums, cells = measured(frame)
    joint = (probs[torch.arange(len(labels)), labels] * ious).sqrt()
    return ((joint * object_logits.softmax(dim=-1)[:, 0]).sqrt() * sums / (cells + 1e-6)).nan_to_num()
