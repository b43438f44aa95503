"""Datasets that read the published files; importing this registers them, the transforms and the samplers with mmdet."""

from clipvis_data import samplers, transforms
from clipvis_data.datasets.image_datasets import CocoInstanceDataset, LVISInstanceDataset
from clipvis_data.datasets.video_datasets import VideoInstanceDataset

__all__ = [
    "CocoInstanceDataset",
    "LVISInstanceDataset",
    "VideoInstanceDataset",
    "samplers",
    "transforms",
]
