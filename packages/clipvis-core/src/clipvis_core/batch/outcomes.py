"""What became of an input."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """What became of an input."""

    DONE = "done"
    SKIPPED = "skipped"  # it was done before
    FAILED = "failed"
    BUSY = "busy"  # another run is at it


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        index: Place in the list of all inputs, from 0.
        video: Path of the input.
        folder: Its output folder.
        state: What became of it.
        num_frames: Frames that were segmented.
        labels: Label of each drawn track, best first.
        seconds: From the opening of the input to the last file.
        message: Why it failed, in one line.
    """

    index: int
    video: str
    folder: str
    state: State
    num_frames: int = 0
    labels: list[str] = field(default_factory=list)
    seconds: float = 0.0
    message: str = ""
