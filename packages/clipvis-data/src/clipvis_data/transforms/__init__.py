"""Image and video pipelines that reproduce the published ones to the byte."""

from .clips import ClipFrameSample, ClipInstanceTable, FlipFrame, PackClip, RasteriseRows, ResizeFrame
from .large_scale_jitter import JitterGeometry, LargeScaleJitter
from .lazy_frames import FrameSequence, LazyFrames
from .loading import LoadRGBImage
from .paste_instances import PasteInstances

__all__ = [
    "ClipFrameSample",
    "ClipInstanceTable",
    "FlipFrame",
    "FrameSequence",
    "JitterGeometry",
    "LargeScaleJitter",
    "LazyFrames",
    "LoadRGBImage",
    "PackClip",
    "PasteInstances",
    "RasteriseRows",
    "ResizeFrame",
]
