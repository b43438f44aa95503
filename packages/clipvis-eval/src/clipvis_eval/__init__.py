"""Exact and fast track-AP evaluators, mmdet metrics, resumable testing and submission files.

Importing the package registers its metrics and its test loop with mmdet. The evaluators themselves
need neither mmdet nor torch, and do not import them.
"""

from clipvis_data.registration import register_with_mmdet

__version__ = "0.2.0"

register_with_mmdet({"METRICS": ["clipvis_eval.metrics"], "LOOPS": ["clipvis_eval.running"]})
