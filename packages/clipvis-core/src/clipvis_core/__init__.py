"""CLIP-VIS: open-vocabulary video instance segmentation as mmdet components, with an inference API."""

__version__ = "0.1.0"
