"""A vocabulary: the categories to look for, each a tuple of synonyms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipvis_core.foundation.categories import clean_words, joined_words, read_categories, split_words
from clipvis_core.foundation.errors import InputError


@dataclass(frozen=True)
class Vocabulary:
    """Categories in label order, each a non-empty tuple of synonyms.

    The first synonym is the category's name. Words are kept as they come but for white space: letter case is left
    to the tokenizer, and underscores change the text embedding, so that replacing them is the caller's choice.

    Example:
        >>> vocabulary = Vocabulary.from_text("dog, puppy; frisbee")
        >>> vocabulary.names
        ('dog', 'frisbee')
        >>> vocabulary.synonyms
        ('dog', 'puppy', 'frisbee')
        >>> vocabulary.category_of_synonym
        (0, 0, 1)
    """

    categories: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.categories:
            raise InputError('the vocabulary is empty: give at least one category, such as "dog; person"')
        seen: dict[str, str] = {}
        for position, synonyms in enumerate(self.categories, start=1):
            if not synonyms or not all(synonyms):
                raise InputError(f"category {position} of the vocabulary has an empty name: remove it or name it")
            for word in dict.fromkeys(synonym.casefold() for synonym in synonyms):
                if word in seen:
                    raise InputError(
                        f"'{word}' stands in two categories of the vocabulary ('{seen[word]}' and "
                        f"'{synonyms[0]}'): keep one of them"
                    )
                seen[word] = synonyms[0]

    @classmethod
    def from_categories(cls, categories: Vocabulary | Iterable[str | Sequence[str]]) -> Vocabulary:
        """From a list with, for each category, its synonyms or one string that parts them by commas.

        A vocabulary stays as it is.
        """
        if isinstance(categories, Vocabulary):
            return categories
        return cls(tuple(clean_words(split_words(words) if isinstance(words, str) else words) for words in categories))

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """From the command line's form: `;` parts categories, `,` parts the synonyms of one category."""
        return cls.from_categories(part for part in text.split(";") if part.strip())

    @classmethod
    def from_file(cls, path: str | Path) -> Vocabulary:
        """From a file as `read_categories` takes it: a word list, or a json with `categories`.

        Raises:
            InputError: The file is missing or holds no usable list.
        """
        words = read_categories(path).prompts()
        try:
            return cls(words)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each category: its first synonym."""
        return tuple(synonyms[0] for synonyms in self.categories)

    @property
    def synonyms(self) -> tuple[str, ...]:
        """All P synonyms, category by category."""
        return tuple(word for synonyms in self.categories for word in synonyms)

    @property
    def category_of_synonym(self) -> tuple[int, ...]:
        """For each of the P synonyms, the label (0-based position) of its category."""
        return tuple(label for label, synonyms in enumerate(self.categories) for _ in synonyms)

    def __len__(self) -> int:
        return len(self.categories)

    def to_json(self) -> str:
        """The list as JSON that `from_file` reads back, with `id` = label + 1 as in result files."""
        records = [
            {"id": label, "name": synonyms[0], "prompt_name": joined_words(synonyms), "synonyms": list(synonyms)}
            for label, synonyms in enumerate(self.categories, start=1)
        ]
        return json.dumps({"categories": records}, ensure_ascii=False, indent=1)
