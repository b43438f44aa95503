"""Worker processes of a data loader end when the main process says so, or has ended."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing.queues import Queue
from types import FrameType
from typing import NoReturn

#: Seconds after which a worker notices that the main process is gone.
PATIENCE = 2.0
#: Exit code of a worker that could not pass on what it loaded.
STUCK = 74  # EX_IOERR of sysexits.h


def stay_with_main(worker_id: int) -> None:
    """A `worker_init_fn`: the worker ends neither before the main process wants it to nor long after it.

    A terminal and most schedulers send SIGINT or SIGTERM to every process of a run. The main process then finishes its
    iteration, for which it needs the workers; so they ignore SIGINT, and SIGTERM unless the main process sent it (or it
    is the second one, where its sender cannot be told). A worker whose main process was killed would otherwise wait for
    ever to pass on what it has loaded, and keep its memory.

    One that cannot pass something on (shared memory is full, too many files are open) ends, too: multiprocessing would
    drop it, and the main process would wait for it for ever.
    """
    Queue._on_queue_feeder_error = staticmethod(_end_stuck)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigtimedwait"):  # not on macOS
        # torch's thread pool, made anew after the fork, has threads that do not block the signal and may get it.
        signal.signal(signal.SIGTERM, _LeaveAtTheSecond())
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()


def _end_stuck(error: Exception, thing: object) -> NoReturn:
    os.write(2, f"a loader's worker cannot pass on what it loaded: {' '.join(str(error).split())[:200]}\n".encode())
    os._exit(STUCK)


class _LeaveAtTheSecond:
    """A signal handler; the main process asks twice before it waits for a worker to end."""

    def __init__(self) -> None:
        self._seen = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._seen:
            os._exit(0)
        self._seen = True


def _leave_with(main: int) -> None:
    while os.getppid() == main:
        received = signal.sigtimedwait([signal.SIGTERM], PATIENCE)
        if received is not None and received.si_pid == main:
            break
    os._exit(0)
