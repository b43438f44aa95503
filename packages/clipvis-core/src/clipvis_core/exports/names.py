"""File names made of words and names that people chose."""

from __future__ import annotations

import re

MOST_LETTERS = 60
_UNSAFE = re.compile(r"[^\w.+-]+")  # \w has the letters and digits of all scripts
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # what Windows takes for devices


def file_name(text: str) -> str:
    """A name for a file or folder that every system takes and that is no path.

    >>> file_name("dog/puppy, wet"), file_name("../.."), file_name("große Straße")
    ('dog_puppy_wet', 'unnamed', 'große_Straße')
    """
    name = _UNSAFE.sub("_", text)[:MOST_LETTERS].strip("._-")
    return "unnamed" if not name or _RESERVED.fullmatch(name) else name


class UniqueNames:
    """Gives each of several things a file name of its own, whatever its letters' case.

    >>> names = UniqueNames()
    >>> names("park"), names("Park"), names("beach")
    ('park', 'Park-2', 'beach')
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, text: str) -> str:
        name = first = file_name(text)
        number = 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{first}-{number}"
        self._taken.add(name.casefold())
        return name
