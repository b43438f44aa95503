"""What falls under what: WordNet's nouns for physical things and stuff, as a small table (WORDNET-LICENSE.txt)."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

#: One sense a line: how many lines back the senses above it are, a tab, its nouns with commas between.
#: `tools/make_noun_table.py` makes it.
TABLE = Path(__file__).with_name("nouns.txt.gz")

_ARTICLES = re.compile(r"^(a|an|the|some|one|two|several|many)_")
_WHAT_FOLLOWS = re.compile(r"_(of|on|in|with|at|from|for|under|over|behind|near|who|that|which)_.*$")
_IRREGULAR = {
    "children": "child", "feet": "foot", "geese": "goose", "mice": "mouse", "oxen": "ox", "people": "person",
    "teeth": "tooth",
}  # fmt: skip
_ENDINGS = (("men", "man"), ("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""))


class NounHierarchy:
    """Nouns, their senses, and the senses above each.

    Args:
        lines: See `TABLE`.

    Example:
        >>> nouns = shipped_nouns()
        >>> nouns.related("animals", "dog"), nouns.related("dancer", "person"), nouns.related("dog", "cat")
        (True, True, False)
    """

    def __init__(self, lines: list[str]) -> None:
        self._senses: dict[str, list[int]] = {}
        self._above: list[frozenset[int]] = []  # of each sense: itself, and all above it
        self._known: dict[str, list[int]] = {}  # what `senses` found
        for place, line in enumerate(lines):
            back, names = line.split("\t")
            above = (self._above[place - int(steps)] for steps in back.split())
            self._above.append(frozenset([place]).union(*above))
            for name in filter(None, names.split(",")):
                self._senses.setdefault(name, []).append(place)

    def related(self, asked: str, listed: str) -> bool:
        """Whether two names can mean the same, or one of them something that falls under the other.

        A listed name that can mean a person and a thing (tiger, mug) means the thing.
        """
        return bool(self.related_names([asked], [listed]))

    def related_names(self, asked: Iterable[str], listed: Iterable[str]) -> set[str]:
        """The listed names that are `related` to one of those asked for, without a look at each pair."""
        senses = {sense for name in asked for sense in self.senses(name)}
        above = frozenset().union(*(self._above[sense] for sense in senses))
        found = set()
        for name in listed:
            theirs = self.senses(name)
            theirs = [sense for sense in theirs if not self._is_person(sense)] or theirs
            if any(sense in above or not senses.isdisjoint(self._above[sense]) for sense in theirs):
                found.add(name)
        return found

    def senses(self, name: str) -> list[int]:
        """Senses of a name, none if it is unknown.

        Case, articles and what follows a preposition do not count. A name of several words that is not in the table
        means what its last words mean: a red car is a car. Plurals are led back to their singular.
        """
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> list[int]:
        phrase = re.sub(r"[\s_-]+", "_", name.strip().casefold())
        phrase = _WHAT_FOLLOWS.sub("", _ARTICLES.sub("", phrase))
        words = phrase.split("_")
        for start in range(len(words)):
            for form in singulars("_".join(words[start:])):
                if form in self._senses:
                    return self._senses[form]
        return []

    def _is_person(self, sense: int) -> bool:
        return not self._above[sense].isdisjoint(self._senses.get("person", ()))


def singulars(noun: str) -> Iterator[str]:
    """The noun itself, then what it may be the plural of; words are joined by `_`.

    Example:
        >>> list(singulars("fire_trucks"))
        ['fire_trucks', 'fire_truck']
    """
    yield noun
    head, joint, last = noun.rpartition("_")
    if last in _IRREGULAR:
        yield head + joint + _IRREGULAR[last]
    for ending, singular in _ENDINGS:
        stem = last.removesuffix(ending)
        if stem != last and stem and not last.endswith("ss"):
            yield head + joint + stem + singular


@cache
def shipped_nouns() -> NounHierarchy:
    """The table of this package."""
    return NounHierarchy(gzip.decompress(TABLE.read_bytes()).decode("ascii").split("\n"))
