"""The open-vocabulary classifier: words become rows that mask features are compared with; caches of the rows."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from clipvis_core.foundation.cache_folder import cache_folder
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.foundation.whole_file import whole_file

WORDS_PER_BATCH = 32
WORDS_BETWEEN_SAVES = 256
SILENT_UP_TO = 2 * WORDS_PER_BATCH


class TextEncoder(Protocol):
    """The text side of an encoder: all that `TextClassifier` asks for."""

    def encode_text(self, words: Sequence[str]) -> Tensor:
        """Unit vectors of P words, float32 `(P, D)` on the CPU.

        A word's row does not depend on the others, so that rows can be kept. Prompt templates, where there are any,
        are filled in by the encoder.

        Args:
            words: Names as the user wrote them, at least one.

        Raises:
            InputError: The encoder cannot read a word, such as one that is too long.
        """

    def text_fingerprint(self) -> str:
        """Hex digest of all that decides a row but the word: the weights, templates. It is the disk cache's key."""


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
            features: `(..., D)` vectors of regions, of any length; one of zeros gets zeros.
            scale: Factor on cosines, the encoder's `logit_scale`.

        Returns:
            `(..., K)`.
        """
        return self.products(scale * F.normalize(features, dim=-1))

    def products(self, vectors: Tensor) -> Tensor:
        """Largest product of vectors `(..., D)` with the rows of each category, `(..., K)`."""
        per_synonym = vectors @ self.rows.to(vectors.dtype).T
        if len(self.vocabulary) == len(self.rows):
            return per_synonym
        shape = (*per_synonym.shape[:-1], len(self.vocabulary))
        index = self.category_of_row.expand(per_synonym.shape)
        return per_synonym.new_full(shape, float("-inf")).scatter_reduce(-1, index, per_synonym, "amax")

    def to(self, device: torch.device | str) -> VocabularyEmbedding:
        """The same on another device."""
        return VocabularyEmbedding(self.vocabulary, self.rows.to(device), self.category_of_row.to(device))


class TextClassifier:
    """Encodes vocabularies with a model's own text encoder and remembers every word it has seen.

    Rows are kept in memory and, under (the encoder's fingerprint, word), in a folder of the user's cache.

    Args:
        encoder: The text side of the model's encoder. It may change by loading a checkpoint until the first `embed`,
            and `forget` must be called when it changes later.
        cache_dir: Folder of the disk cache; the default is `cache_folder()`, `False` keeps nothing on disk.
    """

    def __init__(self, encoder: TextEncoder, cache_dir: str | Path | Literal[False] | None = None) -> None:
        self.encoder = encoder
        self.cache_dir = cache_folder() if cache_dir is None else cache_dir
        self._rows: dict[str, Tensor] = {}
        self._disk: RowCache | None = None
        self._fingerprint: str | None = None

    def forget(self) -> None:
        """Drops the rows in memory, after the encoder's weights have changed."""
        self._rows, self._disk, self._fingerprint = {}, None, None

    @property
    def fingerprint(self) -> str:
        """The encoder's `text_fingerprint`, which takes a look at all its weights, once."""
        if self._fingerprint is None:
            self._fingerprint = self.encoder.text_fingerprint()
        return self._fingerprint

    def embed(self, vocabulary: Vocabulary) -> VocabularyEmbedding:
        """The classifier rows of a vocabulary, on the CPU.

        Only words not seen before are encoded; a progress bar is shown when there are many, and what is finished
        is kept if the program is stopped.

        Raises:
            InputError: The encoder cannot read a name, such as one that is too long for it.
        """
        missing = self._missing(vocabulary)
        if missing and self.cache_dir is not False:
            if self._disk is None:
                self._disk = RowCache(self.cache_dir, self.fingerprint)
            self._rows = {**self._disk.read(), **self._rows}
            missing = self._missing(vocabulary)
        if missing:
            self._encode(missing)
        return VocabularyEmbedding(
            vocabulary,
            torch.stack([self._rows[word] for word in vocabulary.synonyms]),
            torch.tensor(vocabulary.category_of_synonym),
        )

    def readable(self, vocabulary: Vocabulary) -> Vocabulary | None:
        """The categories whose words the encoder can read; None if there is none."""
        try:
            self.embed(vocabulary)
        except InputError:
            kept = []
            for category in vocabulary.categories:
                with contextlib.suppress(InputError):
                    self.embed(Vocabulary((category,)))
                    kept.append(category)
            return Vocabulary(tuple(kept)) if kept else None
        return vocabulary

    def _missing(self, vocabulary: Vocabulary) -> list[str]:
        return [word for word in vocabulary.synonyms if word not in self._rows]

    def _encode(self, words: Sequence[str]) -> None:
        """Encodes `words` and adds them to both caches, saving at intervals.

        The longest come first, so that one that is too long stops the program at once; words of about one length
        go together, which suits encoders that pad them.
        """
        ordered = sorted(words, key=len, reverse=True)
        unsaved: dict[str, Tensor] = {}
        bar = tqdm(total=len(words), desc="encoding words", unit="word", disable=len(words) <= SILENT_UP_TO)
        with bar:
            for start in range(0, len(ordered), WORDS_PER_BATCH):
                batch = ordered[start : start + WORDS_PER_BATCH]
                unsaved.update(zip(batch, self.encoder.encode_text(batch), strict=True))
                bar.update(len(batch))
                if len(unsaved) >= WORDS_BETWEEN_SAVES or start + WORDS_PER_BATCH >= len(ordered):
                    self._rows.update(unsaved)
                    if self._disk is not None:
                        self._disk.write(unsaved)
                    unsaved = {}


class RowCache:
    """Rows of words (unit vectors `(D,)`), one file for each fingerprint.

    A file is replaced atomically: a killed run leaves the last complete state, and two programs that write at once lose
    a few rows at most. A file that cannot be read or written is treated as empty, so a cache never stops a program.
    """

    def __init__(self, directory: str | Path, fingerprint: str) -> None:
        self.path = Path(directory) / f"text-{fingerprint}.pt"

    def read(self) -> dict[str, Tensor]:
        """All rows of the file."""
        try:
            stored = torch.load(self.path, map_location="cpu", weights_only=True)
            return dict(zip(stored["words"], stored["rows"], strict=True))
        except Exception:
            return {}

    def write(self, rows: dict[str, Tensor]) -> None:
        """Adds `rows` to what the file holds."""
        merged = {**self.read(), **rows}
        content = {"words": list(merged), "rows": torch.stack(list(merged.values()))}
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.path) as file:
                torch.save(content, file)
