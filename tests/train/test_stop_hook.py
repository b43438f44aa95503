"""Signals: what the second one does, who is told, and when one has to wait."""

from __future__ import annotations

import multiprocessing
import signal
import time
from types import SimpleNamespace

import pytest
from torch import distributed

from clipvis_core.foundation.errors import InputError
from clipvis_train import stop_hook as stop_hook_module
from clipvis_train.hooks import SafeCheckpointHook, StopHook

pytestmark = pytest.mark.usefixtures("run_conditions")
processes = multiprocessing.get_context("fork")


class Saved(SafeCheckpointHook):
    """Notes what it is asked to save."""

    def __init__(self):
        super().__init__()
        self.iterations = []

    def save_now(self, runner, iteration):
        self.iterations.append(iteration)


def fake_runner(*, may_stop=True):
    silent = SimpleNamespace(info=lambda text: None)
    return SimpleNamespace(
        hooks=[Saved()],
        iter=5,
        logger=silent,
        visualizer=SimpleNamespace(close=lambda: None),
        optim_wrapper=SimpleNamespace(should_update=lambda: may_stop),
    )


def started(runner):
    hook = StopHook()
    hook.before_train(runner)
    return hook


def test_without_a_signal_nothing_happens():
    runner = fake_runner()
    hook = started(runner)
    hook.after_train_iter(runner, batch_idx=4)
    hook.after_val_iter(runner)
    assert runner.hooks[0].iterations == []
    before = signal.getsignal(signal.SIGTERM)
    hook.after_train(runner)
    assert signal.getsignal(signal.SIGTERM) is not before


def test_a_signal_during_validation_saves_the_iteration_before_it():
    runner = fake_runner()
    hook = started(runner)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(SystemExit) as stop:
        hook.after_val_iter(runner)
    assert stop.value.code == 130
    assert runner.hooks[0].iterations == [5]


def test_gradients_that_are_adding_up_are_waited_for():
    runner = fake_runner(may_stop=False)
    hook = started(runner)
    signal.raise_signal(signal.SIGTERM)
    hook.after_train_iter(runner, batch_idx=4)
    runner.optim_wrapper.should_update = lambda: True
    with pytest.raises(SystemExit):
        hook.after_train_iter(runner, batch_idx=5)
    assert runner.hooks[0].iterations == [6]


def test_a_hook_that_can_save_is_needed():
    runner = fake_runner()
    runner.hooks = []
    with pytest.raises(InputError, match="default_hooks"):
        StopHook().before_train(runner)


def send_twice(pause):
    stop_hook_module.ECHO = 0.2
    started(fake_runner())
    signal.raise_signal(signal.SIGTERM)
    time.sleep(pause)
    signal.raise_signal(signal.SIGTERM)
    raise SystemExit(0)


@pytest.mark.parametrize(("pause", "code"), [(0.0, 0), (0.4, -signal.SIGTERM)])
def test_the_second_signal_leaves_at_once_unless_it_is_an_echo(pause, code):
    process = processes.Process(target=send_twice, args=(pause,))
    process.start()
    process.join(timeout=30)
    assert process.exitcode == code


def run_rank(rank, meeting_point):
    distributed.init_process_group("gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=2)
    runner = fake_runner()
    hook = started(runner)
    hook.after_train_iter(runner, batch_idx=0)
    if rank == 1:
        signal.raise_signal(signal.SIGTERM)
    hook.after_train_iter(runner, batch_idx=1)
    raise SystemExit("the rank stayed")


def test_ranks_agree(tmp_path):
    ranks = [processes.Process(target=run_rank, args=(i, tmp_path / "meet")) for i in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(timeout=60)
    assert [process.exitcode for process in ranks] == [143, 143]
