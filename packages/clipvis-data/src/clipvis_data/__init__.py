"""Datasets, vocabularies, samplers and pipelines of open-vocabulary video instance segmentation.

Importing `clipvis_data.datasets` registers the datasets, transforms and samplers with mmdet; this package itself
imports neither torch nor mmdet.
"""

from clipvis_data.vocabularies import available_vocabularies, load_vocabulary

__version__ = "0.2.0"
__all__ = ["available_vocabularies", "load_vocabulary"]
