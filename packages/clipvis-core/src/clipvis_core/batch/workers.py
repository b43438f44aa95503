"""Several processes of one machine that share the jobs; one that dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from clipvis_core.batch.jobs import Job
from clipvis_core.batch.outcomes import Outcome, State
from clipvis_core.batch.runner import Plan, VideoRunner
from clipvis_core.batch.under_way import Report
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import plain_messages
from clipvis_core.inference.stream_writer import first_interrupt

AT_ONCE = 4  # jobs that a process has: being opened, waiting, in the network, being written
MOST_DEATHS = 12  # in a row, without an answer in between
_PATIENCE = 30  # seconds that a stopped process gets to leave its folders tidy
_POLL = 0.2  # seconds between looks at whether the run was stopped


class WorkerPool:
    """Gives jobs to processes, each with a model of its own and a GPU or a share of the cores.

    Args:
        plan: What the jobs have in common; `attempts` is given.
        count: Number of processes.
        gpus: Number of GPUs that they share.
    """

    def __init__(self, plan: Plan, count: int, gpus: int) -> None:
        self._plan = plan
        self._count = count
        self._gpus = gpus

    def run(self, jobs: Iterable[Job], report: Report, stopped: threading.Event) -> None:
        """Does jobs until there are none, or until `stopped` is set.

        Args:
            jobs: The jobs.
            report: Is given the outcome of each.
            stopped: Ends the run.

        Raises:
            InputError: The model cannot be built, or processes die one after the other before they answer.
        """
        waiting = deque(jobs)
        workers = [self._start(slot) for slot in range(min(self._count, len(waiting)))]
        deaths = 0
        try:
            while not stopped.is_set() and (waiting or any(worker.jobs for worker in workers)):
                for worker in workers:
                    worker.fill(waiting)
                ready = wait([worker.connection for worker in workers], timeout=_POLL)
                for slot, worker in enumerate(workers):
                    if worker.connection not in ready:
                        continue
                    try:
                        outcome = worker.receive()
                        deaths = 0 if outcome.state is State.DONE else deaths
                        report(outcome)
                    except (EOFError, ConnectionError):
                        waiting.extendleft(reversed(worker.jobs.values()))
                        deaths += 1
                        code = worker.end()
                        if deaths >= MOST_DEATHS:
                            raise InputError(_why(code)) from None
                        workers[slot] = self._start(slot)
        finally:
            for worker in workers:
                worker.finish(at_once=bool(worker.jobs))
            for worker in workers:
                worker.end()

    def _start(self, slot: int) -> _Worker:
        with _environment(self._variables(slot)):
            return _Worker(self._plan)

    def _variables(self, slot: int) -> dict[str, str]:
        """What tells a process which part of the machine is its own."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        variables = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // self._count))}
        if self._gpus:
            visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(self._gpus)))
            variables["CUDA_VISIBLE_DEVICES"] = visible.split(",")[slot % self._gpus]
        return variables


class _Worker:
    """A process, and the jobs that it has."""

    def __init__(self, plan: Plan) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.jobs: dict[int, Job] = {}
        self._process: BaseProcess = context.Process(target=_work, args=(theirs, plan))
        self._process.start()
        theirs.close()

    def fill(self, waiting: deque[Job]) -> None:
        """Gives it as many jobs as it can have."""
        while waiting and len(self.jobs) < AT_ONCE:
            job = waiting[0]
            try:
                self.connection.send(job)
            except OSError:  # it is dead, which shows when it is asked for its outcomes
                return
            self.jobs[job.index] = waiting.popleft()

    def receive(self) -> Outcome:
        """The outcome of a job.

        Raises:
            EOFError, ConnectionError: The process is dead.
            InputError: It cannot build the model.
        """
        answer = self.connection.recv()
        if isinstance(answer, str):
            raise InputError(answer)
        del self.jobs[answer.index]
        return answer

    def finish(self, *, at_once: bool) -> None:
        """Asks it to end: after its jobs, or at once, with folders as they were before those not yet written."""
        with suppress(OSError):
            self.connection.send(None)
        if at_once:
            self._process.terminate()

    def end(self) -> int:
        """Waits for its end, and returns its exit code."""
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()
        return self._process.exitcode or 0


def _work(connection: Connection, plan: Plan) -> None:
    """What a process does."""
    plain_messages()
    with first_interrupt() as stopped:
        try:
            VideoRunner(plan).run(_received(connection, stopped), connection.send, stopped)
        except InputError as error:
            connection.send(str(error))
        except (BrokenPipeError, ConnectionError):
            pass  # whoever asked is gone


def _received(connection: Connection, stopped: threading.Event) -> Iterator[Job]:
    """Jobs as they come; if whoever sends them is gone, the run is stopped."""
    while not stopped.is_set():
        try:
            job = connection.recv()
        except (EOFError, OSError):
            stopped.set()
            return
        if job is None:
            return
        yield job


def _why(code: int) -> str:
    signal = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"the worker processes die before they answer ({signal}): is the memory full? Use fewer --workers"


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables of processes that are started in the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
