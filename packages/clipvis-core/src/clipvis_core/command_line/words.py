"""The words of the command line."""

from __future__ import annotations

import argparse
import os
from importlib.metadata import entry_points
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary

VOCABULARY_SOURCES = "clipvis.vocabularies"  # entry points: functions from a name to a `Vocabulary`


def read_words(args: argparse.Namespace) -> Vocabulary:
    """The categories the command line names."""
    if args.classes is not None:
        return Vocabulary.from_text(_unicode(args.classes))
    if args.classes_file is not None:
        return Vocabulary.from_file(args.classes_file)
    if args.vocabulary is None:
        raise InputError('no categories given: use --classes "dog; person", --classes-file or --vocabulary')
    for source in entry_points(group=VOCABULARY_SOURCES):
        return source.load()(args.vocabulary)
    raise InputError("--vocabulary needs the package clipvis-data: install it, or use --classes-file")


def _unicode(words: str) -> str:
    """Words of the command line in UTF-8, whatever the locale made of them."""
    try:
        return os.fsencode(words).decode("utf-8")
    except UnicodeError:
        raise InputError("--classes is not written in UTF-8: set the terminal to it, or use --classes-file") from None


def separator_hint(words: str) -> str | None:
    """What may be wrong with --classes where it is one category and looks like more.

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
