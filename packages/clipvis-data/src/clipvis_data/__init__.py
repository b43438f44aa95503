"""Datasets, vocabularies, samplers and pipelines of open-vocabulary video instance segmentation.

Importing the package registers its datasets, transforms and samplers with mmdet, but does not
import mmdet: vocabularies and mask checks are there for programs without torch.
"""

from importlib import import_module
from typing import Any

from .registration import register_with_mmdet
from .rle import RleError, validate_rle, validate_rles
from .vocabularies import Category, DatasetVocabulary, available_vocabularies, load_vocabulary

__version__ = "0.2.0"

__all__ = [
    "Category",
    "CocoInstanceDataset",
    "DatasetVocabulary",
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

_NEED_MMDET = {
    "CocoInstanceDataset": ".image_datasets",
    "LVISInstanceDataset": ".image_datasets",
    "VideoInstanceDataset": ".video_datasets",
    "samplers": ".samplers",
    "transforms": ".transforms",
}

register_with_mmdet(
    {
        "DATASETS": [f"{__name__}.image_datasets", f"{__name__}.video_datasets"],
        "DATA_SAMPLERS": [f"{__name__}.samplers"],
        "TRANSFORMS": [f"{__name__}.transforms"],
    }
)


def __getattr__(name: str) -> Any:
    """Imports the parts that need mmdet when they are asked for."""
    if name not in _NEED_MMDET:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_NEED_MMDET[name], __name__)
    return getattr(module, name, module)
