"""Saves and ends a run on SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

import torch
from mmdet.registry import HOOKS
from mmengine.dist import all_reduce, barrier, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from clipvis_core.foundation.errors import InputError
from clipvis_train.checkpoint_hook import SafeCheckpointHook

SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: Seconds in which a second signal is taken for the first one, passed on by a launcher.
ECHO = 2.0


@HOOKS.register_module()
class StopHook(Hook):
    """Makes a run that is asked to end finish its iteration, save a checkpoint and leave.

    The exit code is 128 + the signal's number (143 for SIGTERM, 130 for SIGINT), as a shell has it. A second signal
    (`ECHO` seconds later or more) ends the process at once. The ranks of a run agree after each iteration, so a signal
    to one of them is enough. During a validation a single process saves and ends at once; several finish the
    validation first, since they do not go through it in step.
    """

    priority = "LOWEST"  # after the checkpoint of this iteration, if one is due

    def __init__(self) -> None:
        self._received = 0
        self._since = 0.0
        self._process = os.getpid()
        self._previous: dict[signal.Signals, object] = {}

    def before_train(self, runner: Runner) -> None:
        """Installs the signal handlers.

        Raises:
            InputError: The run has no `SafeCheckpointHook` to save with.
        """
        _checkpoint_hook(runner)
        self._previous = {number: signal.signal(number, self._note) for number in SIGNALS}

    def after_train_iter(self, runner: Runner, batch_idx: int, **kwargs: object) -> None:
        """Saves and leaves if a signal came to any process and no gradients are adding up."""
        received = self._received_anywhere()
        if received and runner.optim_wrapper.should_update():  # gradients that are adding up are not saved
            self._save_and_leave(runner, received, batch_idx + 1)

    def after_val_iter(self, runner: Runner, **kwargs: object) -> None:
        """Leaves a validation early; of several processes none does, since the others would wait for it."""
        if self._received and get_world_size() == 1:
            self._save_and_leave(runner, self._received, runner.iter)

    def after_train(self, runner: Runner) -> None:
        """Restores the handlers that were there before."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return  # a forked worker
        now = time.monotonic()
        if self._received:
            if now - self._since > ECHO:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            return
        self._received, self._since = number, now
        # Not the logger, which may be what was interrupted.
        os.write(2, f"{signal.Signals(number).name}: saving after this iteration; again to leave at once\n".encode())

    def _received_anywhere(self) -> int:
        if get_world_size() == 1:
            return self._received
        received = torch.tensor(self._received)
        all_reduce(received, op="max")
        return int(received)

    def _save_and_leave(self, runner: Runner, number: int, iteration: int) -> None:
        hook = _checkpoint_hook(runner)
        hook.save_now(runner, iteration)
        runner.logger.info(
            f"{signal.Signals(number).name}: saved {hook.last_ckpt} at iteration {iteration}; go on with --resume"
        )
        runner.visualizer.close()
        barrier()  # a launcher ends the other ranks when the first one has gone
        raise SystemExit(128 + number)


def _checkpoint_hook(runner: Runner) -> SafeCheckpointHook:
    for hook in runner.hooks:
        if isinstance(hook, SafeCheckpointHook):
            return hook
    raise InputError("StopHook saves with SafeCheckpointHook: make it default_hooks.checkpoint")
