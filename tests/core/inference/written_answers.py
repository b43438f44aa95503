"""Output folders made without a network."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as coco_mask

from clipvis_core import Vocabulary
from clipvis_core.foundation.masks import record_of
from clipvis_core.inference import SegmentationResult
from clipvis_core.inference.output_folder import RESULTS, WORDS, OutputFolder
from clipvis_core.tracking import VideoTracks


def random_result(seed: int, num_tracks: int = 4, num_frames: int = 5, *, contrast: bool = True) -> SegmentationResult:
    """Tracks of random rectangles, of frames 24 x 32."""
    rng = np.random.default_rng(seed)

    def mask() -> dict | None:
        if rng.random() < 0.2:
            return None
        canvas = np.zeros((24, 32), np.uint8, order="F")
        top, left = rng.integers(0, 20), rng.integers(0, 28)
        canvas[top : top + rng.integers(2, 12), left : left + rng.integers(2, 16)] = 1
        return record_of(coco_mask.encode(canvas))

    scores = np.sort(rng.random(num_tracks).astype(np.float32))[::-1].copy()
    tracks = VideoTracks(
        scores=torch.from_numpy(scores),
        labels=torch.from_numpy(rng.integers(0, 3, num_tracks)),
        queries=torch.from_numpy(rng.permutation(100)[:num_tracks]),
        segmentations=[[mask() for _ in range(num_frames)] for _ in range(num_tracks)],
        calibrated=torch.from_numpy(rng.random(num_tracks).astype(np.float32)) if contrast else None,
    )
    words = Vocabulary((("dog", "puppy"), ("frisbee",), ("große Straße",)))
    times = [t / 25 for t in range(num_frames)]
    return SegmentationResult("clip", 24, 32, Fraction(25), num_frames, words, tracks, times)


def write_answer(result: SegmentationResult, path: Path, *, score_thr: float = 0.3, complete: bool = True) -> Path:
    """An output folder as a run leaves it, without pictures."""
    with OutputFolder(path, [RESULTS, WORDS], video="/videos/clip.mp4") as folder:
        with folder.file(WORDS) as file:
            file.write(result.vocabulary.to_json().encode())
        folder.describe(result, score_thr=score_thr, complete=complete)
        with folder.file(RESULTS) as file:
            result.write_json(file)
    return path
