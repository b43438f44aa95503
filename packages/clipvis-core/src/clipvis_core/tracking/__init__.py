"""Queries to tracks: temporal matching, track scores, masks at output size. Usable without the network."""

from clipvis_core.tracking.mask_output import encode_masks, resize_mask_logits
from clipvis_core.tracking.temporal_matching import TemporalMatcher
from clipvis_core.tracking.track_scores import FrameOutputs, TopTracks, TrackScores

__all__ = [
    "FrameOutputs",
    "TemporalMatcher",
    "TopTracks",
    "TrackScores",
    "encode_masks",
    "resize_mask_logits",
]
