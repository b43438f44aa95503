"""The frames with the tracks drawn on them, as pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from tqdm import tqdm

from clipvis_core.exports.frame_files import frame_name
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Selection


def write(selection: Selection, folder: Path, options: Options) -> None:
    """Writes `00000.png` and so on: the frames of the overlay, without a codec's loss.

    Raises:
        InputError: The video is gone.
    """
    (clip,) = selection.clips
    frames = tqdm(clip.images(), "drawing", clip.num_frames, unit="frame", disable=not options.progress)
    for frame, image in enumerate(frames):
        Image.fromarray(clip.drawn.draw(image, frame)).save(folder / frame_name(frame, ".png"))


FRAMES = Kind("frames", "the frames of the overlay as PNG", write, pixels=True)
