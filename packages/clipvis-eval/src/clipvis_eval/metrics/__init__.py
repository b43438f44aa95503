"""mmdet metrics: track AP of the video benchmarks, LVIS image AP."""

from .lvis_metric import CLIPVISLVISMetric
from .track_metrics import (
    BURSTTrackMetric,
    LVVISTrackMetric,
    OVISTrackMetric,
    TrackMetric,
    YTVISTrackMetric,
)
from .track_records import track_records

__all__ = [
    "BURSTTrackMetric",
    "CLIPVISLVISMetric",
    "LVVISTrackMetric",
    "OVISTrackMetric",
    "TrackMetric",
    "YTVISTrackMetric",
    "track_records",
]
