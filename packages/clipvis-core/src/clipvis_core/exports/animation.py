"""The overlay as an animated GIF for pages and messages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Clip, Selection

LONGEST_SIDE = 480  # pixels
MOST_PICTURES = 300
_LEAST_SECONDS = 0.1  # between pictures: viewers slow down what is faster than 50 a second, and files grow
_COMMENT = b"clipvis"


def write(selection: Selection, path: Path, options: Options) -> None:
    """Writes a GIF89a that repeats for ever: at most 480 pixels a side, 10 pictures a second and 300 pictures.

    A longer video has fewer pictures a second; times are kept, in hundredths of a second as GIF has them
    (https://www.w3.org/Graphics/GIF/spec-gif89a.txt).

    Raises:
        InputError: The video is gone.
    """
    (clip,) = selection.clips
    shown = shown_frames(clip)
    ends = [*(clip.time(frame) for frame in shown[1:]), _end(clip)]
    hundredths = [round(100 * time) for time in (clip.time(shown[0]), *ends)]
    durations = [max(10 * (end - start), 10) for start, end in pairwise(hundredths)]
    pictures = _pictures(clip, shown, progress=options.progress)
    first = next(pictures)
    first.save(
        path, "GIF", save_all=True, append_images=pictures, duration=durations, loop=0, comment=_COMMENT, optimize=False
    )


def shown_frames(clip: Clip) -> list[int]:
    """The frames that become pictures."""
    step = max(_LEAST_SECONDS, (_end(clip) - clip.time(0)) / MOST_PICTURES)
    shown, due = [], clip.time(0)
    for frame in range(clip.num_frames):
        if clip.time(frame) >= due - 1e-6:
            shown.append(frame)
            due = clip.time(frame) + step
    return shown


def _end(clip: Clip) -> float:
    return clip.time(clip.num_frames - 1) + float(1 / clip.answer.result.frame_rate)


def _pictures(clip: Clip, shown: list[int], *, progress: bool) -> Iterator[Image.Image]:
    scale = min(1.0, LONGEST_SIDE / max(clip.height, clip.width))
    size = (max(1, round(clip.width * scale)), max(1, round(clip.height * scale)))
    wanted = set(shown)
    for frame, image in enumerate(tqdm(clip.images(), "drawing", clip.num_frames, disable=not progress)):
        if frame in wanted:
            picture = Image.fromarray(clip.drawn.draw(image, frame)).resize(size, Image.Resampling.BOX)
            yield picture.quantize(256, dither=Image.Dither.NONE)


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.format == "GIF" and image.info.get("comment") == _COMMENT
    except (OSError, ValueError, SyntaxError):
        return False


GIF = Kind("gif", "a small animation of the overlay", write, "overlay.gif", pixels=True, is_ours=_is_ours)
