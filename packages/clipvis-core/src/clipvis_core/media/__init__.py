"""Frames in, videos out: reading videos, folders and arrays, drawing tracks, writing the
overlay."""

from clipvis_core.media.frames import DEFAULT_FRAME_RATE, MAX_PIXELS, FrameSource, TruncatedError
from clipvis_core.media.reader import open_frames
from clipvis_core.media.writer import VideoWriter

__all__ = [
    "DEFAULT_FRAME_RATE",
    "MAX_PIXELS",
    "FrameSource",
    "TruncatedError",
    "VideoWriter",
    "open_frames",
]
