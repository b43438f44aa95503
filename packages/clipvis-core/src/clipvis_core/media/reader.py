"""Opening anything that holds frames."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from clipvis_core.foundation.errors import InputError
from clipvis_core.media.arrays import ArraySource
from clipvis_core.media.frames import FrameSource
from clipvis_core.media.images import IMAGE_SUFFIXES, ImageFolder, open_image
from clipvis_core.media.stream import STANDARD_INPUT, camera_path, open_camera, open_pipe, open_standard_input
from clipvis_core.media.video import VideoFile

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def open_frames(source: str | os.PathLike[str] | Iterable[np.ndarray], *, allow_truncated: bool = False) -> FrameSource:
    """Opens a video file or stream, a folder of images, an image or arrays as a source of RGB frames.

    Args:
        source: Path of a video file, of a folder of frames, of an image or of a named pipe; `-` for a
            video on standard input; a camera as `0` or `/dev/video0`; or an iterable of RGB uint8
            arrays (H, W, 3). A single such array is an image.
        allow_truncated: A source that breaks off half-way ends there with a warning, instead of raising.

    Raises:
        InputError: Nothing that can be read as frames; the message names the path and the remedy.

    >>> frames = open_frames(np.zeros((2, 48, 64, 3), np.uint8))
    >>> frames.height, frames.width, [frame.shape for frame in frames]
    (48, 64, [(48, 64, 3), (48, 64, 3)])
    """
    if isinstance(source, str | os.PathLike):
        if os.fspath(source) == STANDARD_INPUT:
            return open_standard_input(allow_truncated=allow_truncated)
        if device := camera_path(source):
            return open_camera(device)
        if _ADDRESS.match(os.fspath(source)):
            raise InputError(
                f"{os.fspath(source)[:120]} is an address, not a file: download it, or pipe it in: "
                "ffmpeg -i ADDRESS -f mpegts - | clipvis -"
            )
        return _open_path(Path(source), allow_truncated=allow_truncated)
    if isinstance(source, np.ndarray) and source.ndim == 3:
        return ArraySource([source])
    if not isinstance(source, Iterable):
        raise InputError(f"cannot read frames from {type(source).__name__}; give a path or RGB uint8 arrays")
    return ArraySource(source)


def _open_path(path: Path, *, allow_truncated: bool) -> FrameSource:
    try:
        if path.is_dir():
            return ImageFolder(path, allow_truncated=allow_truncated)
        if path.is_fifo():
            return open_pipe(path, allow_truncated=allow_truncated)
        size = path.stat().st_size
        regular = path.is_file()
    except OSError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror}); check the path") from None
    except InputError:
        raise
    except ValueError:
        raise InputError(f"{str(path)!r} has a null character in it; check the path") from None
    if not regular:
        raise InputError(f"{path} is no regular file; give a video file, a folder of frames or an image")
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes); copy or download it again")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return open_image(path)
    return VideoFile(path, allow_truncated=allow_truncated)
