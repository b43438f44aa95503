"""What worker processes of a data loader do when somebody wants the run to end."""

from __future__ import annotations

import os
import signal
import threading


def leave_signals_to_main(worker_id: int) -> None:
    """A `worker_init_fn`: the worker takes no notice of SIGINT, and of SIGTERM only from its parent.

    A terminal and most schedulers send these to every process of a run. The main process then
    finishes its iteration and ends the workers; were they to die at once, it could not.
    """
    del worker_id
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS, where SIGTERM ends the worker
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=_leave_when_parent_says, daemon=True).start()


def _leave_when_parent_says() -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
