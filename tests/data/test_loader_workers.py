"""Workers stay while the main process needs them, and go when it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader

from clipvis_data.loader_workers import stay_with_main


class Killed:
    """A dataset whose item sends its own process a signal, as a scheduler would."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        os.kill(os.getpid(), (signal.SIGTERM, signal.SIGINT)[index])
        return os.getpid()


@pytest.mark.parametrize("threads", [1, 2])
def test_workers_outlive_signals_but_not_their_parents_word(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # with 2, workers have a thread before they are told of signals
    loader = DataLoader(Killed(), num_workers=1, worker_init_fn=stay_with_main, persistent_workers=True)
    pids = {int(batch) for batch in loader}
    assert len(pids) == 1
    assert os.getpid() not in pids
    (worker,) = loader._iterator._workers
    assert worker.pid in pids
    assert worker.is_alive()
    # SIGCHLD's handler would report the end of the worker as a fault of the loader.
    previous = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for _ in range(2):  # as torch and multiprocessing do
        worker.terminate()
        worker.join(timeout=7)
    torch.set_num_threads(before)
    assert worker.exitcode == 0
    signal.signal(signal.SIGCHLD, previous)


ORPHANS = """
import numpy, os, signal
from torch.utils.data import DataLoader
from clipvis_data.loader_workers import stay_with_main

class Heavy:
    def __len__(self):
        return 100
    def __getitem__(self, index):
        return numpy.zeros(1_000_000)  # more than a pipe holds

loader = DataLoader(
    Heavy(), num_workers=1, collate_fn=list, worker_init_fn=stay_with_main, persistent_workers=True
)
batches = iter(loader)
next(batches)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Stuck:
    """A dataset whose items cannot be passed on, as where shared memory is full."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self

    def __reduce__(self):
        raise RuntimeError("unable to write to file </torch_1>: No space left on device (28)")


def test_a_worker_that_cannot_pass_on_is_not_waited_for(capfd):
    loader = DataLoader(Stuck(), num_workers=1, collate_fn=list, worker_init_fn=stay_with_main)
    with pytest.raises(RuntimeError, match=r"DataLoader worker .* exited unexpectedly"):
        list(loader)
    assert "cannot pass on what it loaded: unable to write to file" in capfd.readouterr().err


def test_workers_do_not_outlive_a_killed_main_process():
    # An orphan would hold this pipe open, and the call would not return.
    killed = subprocess.run([sys.executable, "-c", ORPHANS], capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
