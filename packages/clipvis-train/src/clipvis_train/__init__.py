"""Training pieces of CLIP-VIS for the mmengine runner: optimizer constructor, hooks."""

__version__ = "0.1.0"
