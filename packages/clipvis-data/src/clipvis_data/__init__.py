"""Datasets, vocabularies, samplers and pipelines of open-vocabulary video instance segmentation.

Importing the package registers its datasets, transforms and samplers with mmdet.
"""

from . import samplers, transforms
from .errors import InputError
from .image_datasets import CocoInstanceDataset, LVISInstanceDataset
from .rle import RleError, validate_rle, validate_rles
from .video_datasets import VideoInstanceDataset
from .vocabularies import (
    Category,
    DatasetVocabulary,
    available_vocabularies,
    load_vocabulary,
)

__version__ = "0.1.0"

__all__ = [
    "Category",
    "CocoInstanceDataset",
    "DatasetVocabulary",
    "InputError",
    "LVISInstanceDataset",
    "RleError",
    "VideoInstanceDataset",
    "available_vocabularies",
    "load_vocabulary",
    "samplers",
    "transforms",
    "validate_rle",
    "validate_rles",
]
