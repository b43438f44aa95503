"""The video or the image that a page carries, small enough for one."""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from clipvis_core.foundation.images import resize_bilinear
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.media import FrameSource, VideoWriter

MOST_PIXELS = 2_000 * 1920 * 1080  # of all frames together; a longer or larger video is scaled down
MOST_IMAGE_PIXELS = 4096 * 4096
# Plays in every browser. Without frames that refer to later ones, and with a whole one every second or so, any frame is
# found at once.
_QUALITY = {"crf": "27", "g": "24"}
_JPEG_QUALITY = 92
_CHUNK = 3 * 2**16


def picture_bytes(result: SegmentationResult, source: FrameSource, *, progress: bool) -> Iterator[bytes]:
    """The frames without masks, as H.264 in mp4 or, of one frame, a JPEG; in pieces of a multiple of three bytes.

    Args:
        result: As many frames as it has are taken.
        source: The frames, read once more.
        progress: Show a progress bar.

    Raises:
        InputError: The frames cannot be read again.
    """
    if result.num_frames == 1:
        file = io.BytesIO()
        frame = _scaled(next(iter(source)), MOST_IMAGE_PIXELS)
        Image.fromarray(frame).save(file, "JPEG", quality=_JPEG_QUALITY)
        yield file.getvalue()
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        _write_clip(result, source, path, progress=progress)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def _write_clip(result: SegmentationResult, source: FrameSource, path: Path, *, progress: bool) -> None:
    height, width = clip_size(result.height, result.width, result.num_frames)
    bar = tqdm(total=result.num_frames, desc="report", unit="frame", disable=not progress)
    with bar, VideoWriter(path, result.frame_rate, height, width, options=_QUALITY) as writer:
        for t, frame in enumerate(islice(source, result.num_frames)):
            scaled = frame if frame.shape[:2] == (height, width) else resize_bilinear(frame, (height, width))
            writer.write(scaled, result.times[t] if len(result.times) else None)
            bar.update(1)


def clip_size(height: int, width: int, num_frames: int) -> tuple[int, int]:
    """(height, width) of the page's video: even, as H.264 needs them, and at most `MOST_PIXELS` with all frames.

    >>> clip_size(480, 853, 300), clip_size(1080, 1920, 8000)
    ((480, 854), (540, 960))
    """
    scale = min(1.0, math.sqrt(MOST_PIXELS / (height * width * num_frames)))
    return tuple(max(2, 2 * int(side * scale / 2 + 0.5)) for side in (height, width))


def _scaled(image: np.ndarray, most_pixels: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = math.sqrt(most_pixels / (height * width))
    return image if scale >= 1 else resize_bilinear(image, (int(height * scale), int(width * scale)))
