"""What ends a training run with one line instead of a traceback."""

from __future__ import annotations

from clipvis_core import InputError


class TrainingError(InputError):
    """A run that cannot go on: a loss that is no number, a disk that is full.

    The message is one line that says where the run stood and what to do about it.
    """
