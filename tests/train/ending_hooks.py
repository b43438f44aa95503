"""Hooks that end a run after some iteration; also for runs in another process, by `custom_imports`."""

from __future__ import annotations

import os
import signal

from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module(force=True)
class EndAt(Hook):
    """Sends the process a signal in the middle of an iteration's hooks.

    Args:
        iteration: Which, counted from 1.
        number: The signal; SIGKILL leaves no time for anything.
    """

    priority = "VERY_HIGH"

    def __init__(self, iteration: int, number: int = signal.SIGKILL) -> None:
        self.iteration = iteration
        self.number = number

    def after_train_iter(self, runner, batch_idx, **kwargs):
        if batch_idx + 1 == self.iteration:
            os.kill(os.getpid(), self.number)


class CrashAt(EndAt):
    """Raises, as a kill that a test survives."""

    def after_train_iter(self, runner, batch_idx, **kwargs):
        if batch_idx + 1 == self.iteration:
            raise Crash


class Crash(BaseException):
    """Nobody expects it."""
