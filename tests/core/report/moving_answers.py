"""Answers made without a network: shapes that move over a video, with names that try to break a page."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as coco_mask

from clipvis_core import Vocabulary
from clipvis_core.foundation.masks import record_of
from clipvis_core.inference import SegmentationResult
from clipvis_core.media import VideoWriter
from clipvis_core.tracking import VideoTracks

WORDS = (
    ("red disc",),
    ('</script><script>document.title = "broken"</script>',),
    ("=HYPERLINK(1)",),
    ("große Straße, 犬",),
    ("never found",),
)


def shapes_mask(rng: np.random.Generator, height: int, width: int, radius: float, place: tuple[float, float]) -> dict:
    """A ragged disc with a hole, as a run-length record."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - place[0], columns - place[1])
    ragged = distance < radius * (1 + 0.2 * rng.random((height, width)))
    return record_of(coco_mask.encode(np.asfortranarray(ragged & (distance > radius / 3), dtype=np.uint8)))


def moving_shapes(
    num_tracks: int, num_frames: int, height: int = 120, width: int = 160, *, seed: int = 0
) -> SegmentationResult:
    """Tracks that move and are away now and then; the scores go evenly from 0.95 down to 0.05."""
    rng = np.random.default_rng(seed)
    segmentations = []
    for place in range(num_tracks):
        start, step = rng.random(2) * (height, width), rng.normal(0, 1.5, 2)
        away = rng.integers(3, 9) if place else num_frames  # the first is always there
        radius = height * (0.08 + 0.12 * rng.random())
        segmentations.append(
            [
                None
                if t % 10 == away
                else shapes_mask(rng, height, width, radius, tuple((start + step * t) % (height, width)))
                for t in range(num_frames)
            ]
        )
    tracks = VideoTracks(
        scores=torch.linspace(0.95, 0.05, num_tracks),
        labels=torch.arange(num_tracks) % (len(WORDS) - 1),
        queries=torch.arange(num_tracks),
        segmentations=segmentations,
    )
    times = [t / 10 for t in range(num_frames)]
    return SegmentationResult(
        'clip "1" <b>&amp;', height, width, Fraction(10), num_frames, Vocabulary(WORDS), tracks, times
    )


def write_video(path: Path, result: SegmentationResult) -> Path:
    """A video for a result, whose frames tell their number: the left quarter is 8 bars, black for 0, white for 1."""
    height, width = result.height, result.width
    with VideoWriter(path, result.frame_rate, height, width) as writer:
        for t in range(result.num_frames):
            frame = np.full((height, width, 3), (60, 110, 160), np.uint8)
            for bit in range(8):
                rows = slice(bit * height // 8, (bit + 1) * height // 8)
                frame[rows, : width // 4] = 255 if t >> bit & 1 else 0
            writer.write(frame, result.times[t])
    return path
