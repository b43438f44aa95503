"""The open-vocabulary classifier: any list of words becomes rows that mask features are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from clipvis_core.models.clip_backbone import FrozenCLIP
from clipvis_core.text.cache import RowCache, cache_directory, text_fingerprint
from clipvis_core.text.encoder import TextTower, tokenize
from clipvis_core.text.templates import TEMPLATES, fill_templates
from clipvis_core.vocabulary import Vocabulary

WORDS_PER_BATCH = 16
WORDS_BETWEEN_SAVES = 256
SILENT_UP_TO = 4 * WORDS_PER_BATCH


@dataclass(frozen=True)
class VocabularyEmbedding:
    """A vocabulary as classifier.

    Attributes:
        vocabulary: The K categories.
        rows: `(P, D)` unit vectors, one a synonym.
        category_of_row: int64 `(P,)`, label of each row's category.
    """

    vocabulary: Vocabulary
    rows: Tensor
    category_of_row: Tensor

    def logits(self, features: Tensor, scale: Tensor | float) -> Tensor:
        """Category logits: scaled cosine, maximum over a category's synonyms.

        Args:
            features: `(..., D)` CLIP features, of any length.
            scale: CLIP's logit scale.

        Returns:
            `(..., K)`.
        """
        per_synonym = scale * F.normalize(features, dim=-1) @ self.rows.to(features.dtype).T
        if len(self.vocabulary) == len(self.rows):
            return per_synonym
        shape = (*per_synonym.shape[:-1], len(self.vocabulary))
        index = self.category_of_row.expand(per_synonym.shape)
        return per_synonym.new_full(shape, float("-inf")).scatter_reduce(
            -1, index, per_synonym, "amax"
        )

    def to(self, device: torch.device | str) -> VocabularyEmbedding:
        """The same on another device."""
        return VocabularyEmbedding(
            self.vocabulary, self.rows.to(device), self.category_of_row.to(device)
        )


class TextClassifier:
    """Encodes vocabularies with a model's own text tower and remembers every word it has seen.

    Rows are kept in memory and, under (weights, templates, word), in a folder of the user's cache.

    Args:
        backbone: The CLIP model; its text tower may change by loading a checkpoint until the first `embed`, and
            `forget` must be called when it changes later.
        templates: Prompt templates with one `{}` each.
        cache_dir: Folder of the disk cache; the default is `cache_directory()`, `False` keeps nothing on disk.
    """

    def __init__(
        self,
        backbone: FrozenCLIP,
        templates: Sequence[str] = TEMPLATES,
        cache_dir: str | Path | Literal[False] | None = None,
    ) -> None:
        self.backbone = backbone
        self.templates = tuple(templates)
        self.cache_dir = cache_directory() if cache_dir is None else cache_dir
        self._rows: dict[str, Tensor] = {}
        self._disk: RowCache | None = None

    def forget(self) -> None:
        """Drops the rows in memory, after the text tower's weights have changed."""
        self._rows, self._disk = {}, None

    def embed(self, vocabulary: Vocabulary) -> VocabularyEmbedding:
        """The classifier rows of a vocabulary, on the text tower's device.

        Only words not seen before are encoded; a progress bar is shown when there are many, and what is finished
        is kept if the program is stopped.

        Raises:
            InputError: A name is too long for CLIP's 77 tokens.
        """
        missing = self._missing(vocabulary)
        if missing and self.cache_dir is not False:
            if self._disk is None:
                self._disk = RowCache(
                    self.cache_dir, text_fingerprint(self.backbone.clip, self.templates)
                )
            self._rows = {**self._disk.read(), **self._rows}
            missing = self._missing(vocabulary)
        if missing:
            self._encode(missing)
        device = self.backbone.clip.text_projection.device
        return VocabularyEmbedding(
            vocabulary,
            torch.stack([self._rows[word] for word in vocabulary.synonyms]).to(device),
            torch.tensor(vocabulary.category_of_synonym, device=device),
        )

    def _missing(self, vocabulary: Vocabulary) -> list[str]:
        return [word for word in vocabulary.synonyms if word not in self._rows]

    def _encode(self, words: Sequence[str]) -> None:
        """Encodes `words` and adds them to both caches, saving at intervals."""
        tokens = {word: self.tokens(word) for word in words}
        by_length = sorted(words, key=lambda word: int(tokens[word].argmax(dim=-1).max()))
        tower = TextTower(self.backbone.clip)
        unsaved: dict[str, Tensor] = {}
        bar = tqdm(
            total=len(words), desc="encoding words", unit="word", disable=len(words) <= SILENT_UP_TO
        )
        with bar:
            for start in range(0, len(by_length), WORDS_PER_BATCH):
                batch = by_length[start : start + WORDS_PER_BATCH]
                rows = word_rows(tower, torch.cat([tokens[word] for word in batch]), len(batch))
                unsaved.update(zip(batch, rows, strict=True))
                bar.update(len(batch))
                if len(unsaved) >= WORDS_BETWEEN_SAVES or start + WORDS_PER_BATCH >= len(by_length):
                    self._rows.update(unsaved)
                    if self._disk is not None:
                        self._disk.write(unsaved)
                    unsaved = {}

    def tokens(self, word: str) -> Tensor:
        """Token ids of a word's prompts, `(templates, 77)`."""
        clip = self.backbone.clip
        return tokenize(
            self.backbone.tokenizer, fill_templates(word, self.templates), clip.context_length
        )


def word_rows(tower: TextTower, tokens: Tensor, num_words: int) -> Tensor:
    """One unit vector a word: normalised mean of its normalised prompt embeddings.

    Args:
        tower: The text tower.
        tokens: Prompts of all words, word by word, `(num_words * templates, 77)`.
        num_words: How many words they are.

    Returns:
        float32 `(num_words, D)` on the CPU.
    """
    with torch.autocast(tower.text_projection.device.type, enabled=False):
        embeddings = F.normalize(tower.encode(tokens), dim=-1)
        means = embeddings.view(num_words, -1, embeddings.shape[-1]).mean(dim=1)
        return F.normalize(means, dim=-1).float().cpu()
