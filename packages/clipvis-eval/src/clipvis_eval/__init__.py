"""Exact and fast track-AP evaluators, mmdet metrics and submission files for video instance segmentation."""

__version__ = "0.1.0"
