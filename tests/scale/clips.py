"""Many short videos, made from the demo clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from clipvis_core.media import VideoWriter, open_frames

FRAMES = 3


def make_clips(demo: Path, folder: Path, count: int) -> None:
    """Writes videos of a few frames, a quarter of the demo's size, each from another frame on and of another light."""
    frames = [np.ascontiguousarray(frame[::4, ::4]) for frame in open_frames(demo)]
    folder.mkdir(parents=True)
    for number in range(count):
        darker = 1 - number / (2 * count)
        with VideoWriter(folder / f"clip{number:04}.mp4", Fraction(10), *frames[0].shape[:2]) as writer:
            for place in range(FRAMES):
                frame = frames[(number + place) % len(frames)]
                writer.write((frame * darker).astype(np.uint8))
