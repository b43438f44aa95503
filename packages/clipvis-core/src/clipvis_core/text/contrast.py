"""Words that nobody asked for, with which the answers are compared: "none of these"."""

from __future__ import annotations

from pathlib import Path

import torch

from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.text.classifier import TextClassifier, VocabularyEmbedding
from clipvis_core.text.nouns import shipped_nouns

NONE, AUTO = "none", "auto"
WORDS_FILE = Path(__file__).with_name("contrast_words.txt")

#: Two names are one thing to the encoder if their cosine is among the highest of this share of all pairs in the list.
SAME_SHARE = 0.001


def read_contrast(choice: str | Path | None) -> Vocabulary | None:
    """The contrast words of a choice: `none` (or None), `auto` (the shipped list) or a file with words of one's own.

    Raises:
        InputError: The file cannot be read.
    """
    if choice is None or choice == NONE:
        return None
    return Vocabulary.from_file(WORDS_FILE if choice == AUTO else choice)


def contrast_words(
    choice: Vocabulary | str | Path | None, classifier: TextClassifier, *, is_random: bool
) -> Vocabulary | None:
    """The contrast words of a choice that an encoder can read.

    Args:
        choice: As for `read_contrast`, or the words themselves.
        classifier: That of the encoder.
        is_random: Whether its weights are random: `auto` then means none.

    Raises:
        InputError: The file cannot be read.
    """
    if isinstance(choice, Vocabulary):
        return choice
    if choice != AUTO:
        return read_contrast(choice)
    if is_random:
        return None
    return classifier.readable(read_contrast(AUTO))  # nobody chose these words: the encoder does without some


def remaining_contrast(
    asked: VocabularyEmbedding,
    contrast: VocabularyEmbedding,
    least: float | None = None,
) -> VocabularyEmbedding | None:
    """The contrast categories that mean something else than what is asked for; None if there is none left.

    A category goes if one of its words is one of the asked ones, if WordNet has one of the two under the other or in
    the same sense, or if the encoder takes them for one thing: their cosine exceeds that of all but one in a thousand
    pairs of contrast categories, which are different things.

    Args:
        asked: What is asked for.
        contrast: All contrast words.
        least: Cosine of names that are one thing; by default `same_cosine` of the contrast words.

    Example: asked for "animal", no animal of the list is left; asked for "kitten", "cat" is not.
    """
    listed, words = contrast.vocabulary.synonyms, asked.vocabulary.synonyms
    least = same_cosine(contrast) if least is None else least
    near = (asked.rows @ contrast.rows.T >= least).any(dim=0).tolist()
    same = {word.casefold() for word in words}
    related = shipped_nouns().related_names(words, listed)
    gone = {
        category
        for name, category, is_near in zip(listed, contrast.category_of_row.tolist(), near, strict=True)
        if is_near or name.casefold() in same or name in related
    }
    if len(gone) == len(contrast.vocabulary):
        return None
    kept = [category for category in range(len(contrast.vocabulary)) if category not in gone]
    vocabulary = Vocabulary(tuple(contrast.vocabulary.categories[category] for category in kept))
    rows = torch.isin(contrast.category_of_row, torch.tensor(kept))
    return VocabularyEmbedding(vocabulary, contrast.rows[rows], torch.tensor(vocabulary.category_of_synonym))


def same_cosine(contrast: VocabularyEmbedding) -> float:
    """Least cosine of two names that the encoder takes for one thing, judged by the list's own names."""
    first = torch.tensor([0, *torch.tensor([len(words) for words in contrast.vocabulary.categories]).cumsum(0)[:-1]])
    cosines = contrast.rows[first] @ contrast.rows[first].T
    pairs = cosines[tuple(torch.triu_indices(len(first), len(first), offset=1))]
    return float(pairs.quantile(1 - SAME_SHARE)) if len(pairs) else 1.0
