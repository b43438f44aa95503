"""Exact and fast track-AP evaluators, mmdet metrics and submission files."""

__version__ = "0.1.0"
