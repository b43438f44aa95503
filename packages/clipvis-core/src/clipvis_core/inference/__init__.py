"""Running a model on one's own videos."""

from clipvis_core.inference.building import build_model
from clipvis_core.inference.inferencer import CLIPVISInferencer
from clipvis_core.inference.overlay import overlay_frames, write_overlay
from clipvis_core.inference.preprocessing import resized_size
from clipvis_core.inference.result import SegmentationResult

__all__ = [
    "CLIPVISInferencer",
    "SegmentationResult",
    "build_model",
    "overlay_frames",
    "resized_size",
    "write_overlay",
]
