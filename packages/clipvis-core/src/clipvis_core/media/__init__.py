"""Reading videos, streams, folders and arrays as frames; drawing tracks; writing videos."""

from clipvis_core.media.contact_sheet import ContactSheet
from clipvis_core.media.cut import WHOLE, Cut, FramesAt
from clipvis_core.media.frames import DEFAULT_FRAME_RATE, MAX_PIXELS, FrameSource, TruncatedError
from clipvis_core.media.overlay import draw_tracks
from clipvis_core.media.palette import track_color
from clipvis_core.media.reader import open_frames
from clipvis_core.media.stream import VideoStream
from clipvis_core.media.writer import VideoWriter

__all__ = [
    "DEFAULT_FRAME_RATE",
    "MAX_PIXELS",
    "WHOLE",
    "ContactSheet",
    "Cut",
    "FrameSource",
    "FramesAt",
    "TruncatedError",
    "VideoStream",
    "VideoWriter",
    "draw_tracks",
    "open_frames",
    "track_color",
]
