"""Words to classifier rows: prompt templates, the text classifier, its caches."""

from clipvis_core.text.classifier import TextClassifier, VocabularyEmbedding
from clipvis_core.text.templates import TEMPLATES, fill_templates

__all__ = ["TEMPLATES", "TextClassifier", "VocabularyEmbedding", "fill_templates"]
