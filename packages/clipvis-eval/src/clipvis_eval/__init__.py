"""Exact and fast track-AP evaluators, mmdet metrics, resumable testing and submission files.

Importing the package registers its metrics with mmdet and its test loop with mmengine.
"""

from . import metrics, running

__version__ = "0.1.0"

__all__ = ["metrics", "running"]
