"""Queries to tracks: temporal matching, track scores, masks at output size. Usable without the network."""

from clipvis_core.tracking.live_tracks import LiveRule
from clipvis_core.tracking.mask_output import encode_masks, resize_mask_logits
from clipvis_core.tracking.mask_rendering import MaskRenderer, MaskSizes
from clipvis_core.tracking.streaming import FrameTracks, StreamingTracker, VideoTracks, WindowOutputs
from clipvis_core.tracking.temporal_matching import TemporalMatcher
from clipvis_core.tracking.track_scores import FrameOutputs, TopTracks, TrackScores, mask_statistics

__all__ = [
    "FrameOutputs",
    "FrameTracks",
    "LiveRule",
    "MaskRenderer",
    "MaskSizes",
    "StreamingTracker",
    "TemporalMatcher",
    "TopTracks",
    "TrackScores",
    "VideoTracks",
    "WindowOutputs",
    "encode_masks",
    "mask_statistics",
    "resize_mask_logits",
]
