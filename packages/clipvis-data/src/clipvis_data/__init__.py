"""Datasets, vocabularies, samplers and pipelines of open-vocabulary video instance segmentation,
for mmdet."""

__version__ = "0.1.0"
