"""Running a model on one's own videos.

What needs the network is imported when it is first asked for: the answers of earlier runs do not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clipvis_core.foundation.images import resized_size
from clipvis_core.inference.answer import Answer
from clipvis_core.inference.asking import Asker, ask
from clipvis_core.inference.frame_stream import FrameStream
from clipvis_core.inference.index_masks import check_replaceable, index_mask, write_index_masks
from clipvis_core.inference.overlay import draw_records, overlay_frames, write_overlay
from clipvis_core.inference.result import DrawnTracks, SegmentationResult

if TYPE_CHECKING:
    from clipvis_core.inference.building import build_model
    from clipvis_core.inference.inferencer import CLIPVISInferencer

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

_NETWORK = {"CLIPVISInferencer": "inferencer", "build_model": "building"}  # modules of what needs the network


def __getattr__(name: str) -> Any:
    if name not in _NETWORK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_NETWORK[name]}"), name)
    globals()[name] = value
    return value
