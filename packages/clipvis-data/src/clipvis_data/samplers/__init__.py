"""Endless, sharded, resumable samplers."""

from .aspect_ratio import AspectRatioBatches
from .endless import EndlessSampler, seek
from .repeat_factor import RepeatFactorSampler, repeat_factors

__all__ = ["AspectRatioBatches", "EndlessSampler", "RepeatFactorSampler", "repeat_factors", "seek"]
