"""Contrastive training of a small CLIP: the model, its metric and the export of its weights, registered on import."""

from .export import ExportCLIPHook
from .metric import ZeroShotAccuracy
from .model import ContrastiveCLIP

__all__ = ["ContrastiveCLIP", "ExportCLIPHook", "ZeroShotAccuracy"]
