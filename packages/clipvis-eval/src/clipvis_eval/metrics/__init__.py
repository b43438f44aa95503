"""mmdet metrics: track AP of the video benchmarks, COCO and LVIS image AP."""

from .best_track_metric import BestTrackMetric
from .image_metrics import CLIPVISCocoMetric, CLIPVISLVISMetric
from .track_metrics import BURSTTrackMetric, LVVISTrackMetric, OVISTrackMetric, TrackMetric, YTVISTrackMetric
from .track_records import track_records

__all__ = [
    "BURSTTrackMetric",
    "BestTrackMetric",
    "CLIPVISCocoMetric",
    "CLIPVISLVISMetric",
    "LVVISTrackMetric",
    "OVISTrackMetric",
    "TrackMetric",
    "YTVISTrackMetric",
    "track_records",
]
