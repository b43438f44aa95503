"""Collects the bad records of a file, so that one line can tell of all of them."""

from __future__ import annotations

from clipvis_core.foundation.errors import InputError


class Faults:
    """Bad records of one file: the first in words, the rest as a count.

    Args:
        source: What the records came from; the message begins with it.
        remedy: What the user can do; the message ends with it.
    """

    def __init__(self, source: str, remedy: str) -> None:
        self.source = source
        self.remedy = remedy
        self.first: str | None = None
        self.count = 0

    def add(self, record: str, reason: str) -> None:
        """Notes that `record` ("record 7") is bad and why ("score is nan")."""
        if self.first is None:
            self.first = f"{record}: {reason}"
        self.count += 1

    def raise_if_any(self) -> None:
        """Raises InputError if a record was bad."""
        if self.first is None:
            return
        more = f" ({self.count - 1} more bad)" if self.count > 1 else ""
        raise InputError(f"{self.source}: {self.first}{more}; {self.remedy}")


def is_whole(value: object) -> bool:
    """Whether a json value is a whole number (True and False are not)."""
    return type(value) is int


def is_number(value: object) -> bool:
    """Whether a json value is a finite number."""
    return type(value) in (int, float) and abs(value) < float("inf")


def shown(value: object) -> str:
    """A json value for an error message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
