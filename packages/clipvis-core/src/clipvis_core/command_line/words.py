"""The words of the command line."""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
from importlib.metadata import entry_points
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.text.nouns import shipped_nouns

VOCABULARY_SOURCES = "clipvis.vocabularies"  # entry points: functions from a name to a `Vocabulary`


def words_and_hints(args: argparse.Namespace) -> Vocabulary:
    """The categories the command line names, after what may be wrong with them was said."""
    vocabulary = read_words(args)
    for hint in hints(args, vocabulary):
        print(f"hint: {hint}", file=sys.stderr)
    return vocabulary


def read_words(args: argparse.Namespace) -> Vocabulary:
    """The categories the command line names."""
    typed = _typed(args)
    if typed is not None:
        return Vocabulary.from_text(_unicode(typed, "--find" if args.classes is None else "--classes"))
    if args.classes_file is not None:
        return Vocabulary.from_file(args.classes_file)
    if args.vocabulary is None:
        raise InputError('no categories given: use --classes "dog; person", --classes-file or --vocabulary')
    for source in entry_points(group=VOCABULARY_SOURCES):
        return source.load()(args.vocabulary)
    raise InputError("--vocabulary needs the package clipvis-data: install it, or use --classes-file")


def _typed(args: argparse.Namespace) -> str | None:
    """The words that stand in the command line itself."""
    return args.classes if args.classes is not None else getattr(args, "find", None)


def _unicode(words: str, option: str) -> str:
    """Words of the command line in UTF-8, whatever the locale made of them."""
    try:
        return os.fsencode(words).decode("utf-8")
    except UnicodeError:
        raise InputError(f"{option} is not written in UTF-8: set the terminal to it, or use --classes-file") from None


def hints(args: argparse.Namespace, vocabulary: Vocabulary) -> list[str]:
    """What may be wrong with the words, where they can be read all the same."""
    typed = _typed(args)
    separators = separator_hint(typed) if typed is not None else None
    language = language_hint(vocabulary) if args.vocabulary is None else None
    return [hint for hint in (separators, language) if hint is not None]


def language_hint(vocabulary: Vocabulary) -> str | None:
    """A word about categories of which no name is an English noun: the encoders read English, and read on in silence.

    >>> language_hint(Vocabulary.from_text("Hund; Katze; person"))
    '"Hund", "Katze": no English nouns for things that we know; the models read English only'
    >>> language_hint(Vocabulary.from_text("red cars; dog, Hund"))
    """
    nouns = shipped_nouns()
    unknown = [words[0] for words in vocabulary.categories if not any(nouns.senses(_plain(word)) for word in words)]
    if not unknown:
        return None
    named = ", ".join(f'"{word[:30]}"' for word in unknown[:3]) + (", ..." if len(unknown) > 3 else "")
    return f"{named}: no English nouns for things that we know; the models read English only"


def _plain(word: str) -> str:
    """Without accents: café is a word of English too."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))


def separator_hint(words: str) -> str | None:
    """What may be wrong with words that are one category and look like more.

    >>> separator_hint("dog . person .")
    'this is one category, "dog . person ."; a semicolon parts categories: "dog; person"'
    >>> separator_hint("dog, person")
    'these are names of one category; a semicolon parts categories: "dog; person"'
    >>> separator_hint("dog; person")
    """
    if ";" in words:
        return None
    if Path(words).suffix in (".txt", ".json", ".csv"):
        return f'"{words}" is taken for a category; --classes-file reads a file'
    for separator in (",", " . ", "|", "\n", "/"):
        parts = [part.strip(" .") for part in words.split(separator)]
        if len(parts) > 1:
            one = "these are names of one category" if separator == "," else f'this is one category, "{words}"'
            meant = "; ".join(part for part in parts if part)
            return f'{one}; a semicolon parts categories: "{meant}"'
    return None
