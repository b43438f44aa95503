"""Queries to tracks: temporal matching, track scores, masks at output size. Usable without the network."""

from clipvis_core.tracking.live_tracks import LiveRule
from clipvis_core.tracking.mask_rendering import MaskRenderer, MaskSizes, encode_masks, resize_mask_logits
from clipvis_core.tracking.outputs import FrameOutputs
from clipvis_core.tracking.temporal_matching import TemporalMatcher
from clipvis_core.tracking.track_scores import TopTracks, TrackScores
from clipvis_core.tracking.tracker import Tracker
from clipvis_core.tracking.tracks import FrameTracks, VideoTracks

__all__ = [
    "FrameOutputs",
    "FrameTracks",
    "LiveRule",
    "MaskRenderer",
    "MaskSizes",
    "TemporalMatcher",
    "TopTracks",
    "TrackScores",
    "Tracker",
    "VideoTracks",
    "encode_masks",
    "resize_mask_logits",
]
