"""Words to classifier rows: prompt templates, the text classifier, its caches, and words to compare with."""

from clipvis_core.text.classifier import TextClassifier, VocabularyEmbedding
from clipvis_core.text.contrast import read_contrast, remaining_contrast
from clipvis_core.text.templates import TEMPLATES, fill_templates

__all__ = [
    "TEMPLATES",
    "TextClassifier",
    "VocabularyEmbedding",
    "fill_templates",
    "read_contrast",
    "remaining_contrast",
]
