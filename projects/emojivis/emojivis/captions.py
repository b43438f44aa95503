"""Sentences about what a picture shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_ONE = (
    "a photo of {}.",
    "a picture of {}",
    "this is {}",
    "there is {} in the scene.",
    "{} in the scene",
    "I can see {} here",
    "an image that shows {}",
    "look, {}!",
    "somewhere in this picture is {}.",
    "{}",
)
_SEVERAL = (
    "a photo of {}.",
    "{} in one picture",
    "there are {} in the scene.",
    "here we have {}",
    "this shows {}.",
    "{}",
)
_SIZES = ("small", "medium", "large")
SIZE_STEPS = (0.06, 0.16)
"""Shares of the picture at which an object is called medium, and large."""


def write_caption(rng: np.random.Generator, names: Sequence[str], shares: Sequence[float]) -> str:
    """One sentence that names all objects, in any order.

    Args:
        rng: Decides the words.
        names: Names of the objects, at least one.
        shares: Part of the picture that each covers, in [0, 1].

    Example:
        >>> write_caption(np.random.default_rng(7), ["dog", "apple"], [0.1, 0.02])
        'a dog next to an apple'
    """
    sized = rng.random() < 0.3
    nouns = []
    for i in rng.permutation(len(names)):
        size = _SIZES[int(np.searchsorted(SIZE_STEPS, shares[i], side="right"))]
        nouns.append(f"a {size} {names[i]}" if sized else _with_article(rng, names[i]))
    forms = _ONE if len(nouns) == 1 else _SEVERAL
    return forms[int(rng.integers(len(forms)))].format(_listed(rng, nouns))


def _with_article(rng: np.random.Generator, name: str) -> str:
    """A noun with "a" or "the"; the grammar of plurals is left to real captions, which err, too."""
    if rng.random() < 0.2:
        return f"the {name}"
    return f"an {name}" if name[0] in "aeiou" and rng.random() < 0.5 else f"a {name}"


def _listed(rng: np.random.Generator, nouns: list[str]) -> str:
    """ "x", "x and y", "x next to y", "x, y and z"."""
    if len(nouns) == 1:
        return nouns[0]
    link = ("and", "next to", "with", "beside")[int(rng.integers(4))] if len(nouns) == 2 else "and"
    return f"{', '.join(nouns[:-1])} {link} {nouns[-1]}"
