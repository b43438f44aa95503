"""Collects what is wrong with a file, so that one line can tell of all of it."""

from __future__ import annotations

import sys

from clipvis_core.foundation.errors import InputError


class Faults:
    """What is wrong with a file. As a context it takes the `InputError` of its block for a fault.

    Args:
        remedy: What the user can do; the message of `raise_if_any` ends with it.
        source: What the records of `add` came from.

    Attributes:
        lines: One line for each fault.

    Example:
        >>> faults = Faults("fetch it again", "a.json")
        >>> faults.add("record 7", "score is nan")
        >>> with faults:
        ...     raise InputError("a.json: videos[2]: field 'id' is missing")
        >>> faults.raise_if_any()
        Traceback (most recent call last):
        ...
        clipvis_core.foundation.errors.InputError: a.json: record 7: score is nan (1 more bad); fetch it again
    """

    def __init__(self, remedy: str, source: str = "") -> None:
        self.remedy = remedy
        self.source = source
        self.lines: list[str] = []

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, InputError):
            return False
        self.lines.append(str(error))
        return True

    def add(self, record: str, reason: str) -> None:
        """Notes that `record` ("record 7") is bad and why ("score is nan")."""
        self.lines.append(f"{self.source}: {record}: {reason}")

    def raise_if_any(self) -> None:
        """Raises InputError with the first fault, and the number of the others."""
        if self.lines:
            more = f" ({len(self.lines) - 1} more bad)" if len(self.lines) > 1 else ""
            raise InputError(f"{self.lines[0]}{more}; {self.remedy}")


def is_whole(value: object) -> bool:
    """Whether a json value is a whole number (True and False are not)."""
    return type(value) is int


def is_number(value: object) -> bool:
    """Whether a json value is a finite number that a float can hold (json has whole numbers of any size)."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def shown(value: object) -> str:
    """A json value for an error message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
