"""Exact and fast track-AP evaluators, mmdet metrics, resumable testing and submission files.

Importing `clipvis_eval.metrics` and `clipvis_eval.running` registers the metrics and the test loop with mmdet; the
evaluators themselves import neither mmdet nor torch.
"""

__version__ = "0.2.0"
