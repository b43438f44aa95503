"""The frames of a clip as pictures, for data sets."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from tqdm import tqdm

from clipvis_core.exports.selection import Clip

QUALITY = 95  # of JPEG, with full colour resolution


def frame_name(frame: int, suffix: str = ".jpg") -> str:
    """Name of a frame's file."""
    return f"{frame:05}{suffix}"


def write_frames(clip: Clip, folder: Path, *, prefix: str = "", progress: bool) -> None:
    """Writes all frames as JPEG: `folder / (prefix + frame_name(t))`; see `Clip.images` for what is raised."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = tqdm(clip.images(), f"frames of {clip.name}", clip.num_frames, unit="frame", disable=not progress)
    for frame, image in enumerate(frames):
        path = folder / f"{prefix}{frame_name(frame)}"
        Image.fromarray(image).save(path, quality=QUALITY, subsampling=0)
