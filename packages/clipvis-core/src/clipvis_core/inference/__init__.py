"""Running a model on one's own videos."""

from clipvis_core.foundation.images import resized_size
from clipvis_core.inference.answer import Answer
from clipvis_core.inference.asking import Asker, ask
from clipvis_core.inference.building import build_model
from clipvis_core.inference.frame_stream import FrameStream
from clipvis_core.inference.index_masks import check_replaceable, index_mask, write_index_masks
from clipvis_core.inference.inferencer import CLIPVISInferencer
from clipvis_core.inference.overlay import draw_records, overlay_frames, write_overlay
from clipvis_core.inference.result import DrawnTracks, SegmentationResult

__all__ = [
    "Answer",
    "Asker",
    "CLIPVISInferencer",
    "DrawnTracks",
    "FrameStream",
    "SegmentationResult",
    "ask",
    "build_model",
    "check_replaceable",
    "draw_records",
    "index_mask",
    "overlay_frames",
    "resized_size",
    "write_index_masks",
    "write_overlay",
]
