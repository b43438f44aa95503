"""Work in other threads: a producer ahead of the caller, items side by side, and jobs behind it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL = 0.1  # seconds between looks at whether the consumer is still there


def ahead(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """The same items, produced in a thread up to `depth` items before they are asked for.

    What the producer raises is raised here, in its place. When the consumer stops early (an error of its own, Ctrl-C,
    `close`), the thread closes the producer and ends with its current item; a producer that blocks for ever
    does not keep the process alive.

    Example:
        >>> list(ahead(range(3), depth=2))
        [0, 1, 2]
    """
    producer = _Producer(items, depth)
    try:
        yield from producer
    finally:
        producer.stop()


def mapped(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`function` of each item, in order, found in some threads; the items are taken in the caller's.

    At most `workers` results are found ahead of the one asked for. What the function raises is raised in its place.

    Example:
        >>> list(mapped(str, range(3), workers=2))
        ['0', '1', '2']
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="mapped") as pool:
        waiting: deque[Future] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Producer(threading.Thread):
    """Fills a queue with (item, None), then (None, what it ended with)."""

    def __init__(self, items: Iterable, depth: int) -> None:
        super().__init__(name="ahead", daemon=True)
        self._items = items
        self._queue: Queue[tuple[object, BaseException | None]] = Queue(depth)
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator:
        self.start()
        while True:
            item, end = self._queue.get()
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
            yield item

    def stop(self) -> None:
        """Ends the thread with its current item."""
        self._stopped.set()
        with suppress(Empty):  # items that wait are dropped
            while True:
                self._queue.get_nowait()

    def run(self) -> None:
        iterator = iter(self._items)
        try:
            for item in iterator:
                self._put(item, None)
                if self._stopped.is_set():
                    break
            end: BaseException = StopIteration()
        except BaseException as error:  # it is raised in the consumer's thread
            end = error
        finally:
            if hasattr(iterator, "close"):
                iterator.close()
        self._put(None, end)

    def _put(self, item: object, end: BaseException | None) -> None:
        while not self._stopped.is_set():
            with suppress(Full):
                self._queue.put((item, end), timeout=_POLL)
                return


class Behind:
    """Runs jobs in a thread, in the order given, at most `depth` of them late.

    What a job raises is raised by a later `submit` or by `wait`. As a context it ends with its block: after all jobs,
    also when the block raises.

    Args:
        depth: Jobs that may wait or run; `submit` blocks when there are more.

    Example:
        >>> behind = Behind(depth=2)
        >>> doubled = [behind.submit(lambda x: 2 * x, x) for x in range(3)]
        >>> behind.wait()
        >>> [job.result() for job in doubled]
        [0, 2, 4]
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._jobs: deque[Future] = deque()

    def submit(self, function: Callable[..., Result], *args: Any) -> Future[Result]:
        """Runs `function(*args)` in the thread, after the jobs before."""
        while len(self._jobs) >= self._depth:
            self._jobs.popleft().result()
        job = self._worker.submit(function, *args)
        self._jobs.append(job)
        return job

    def wait(self) -> None:
        """Ends the thread when all jobs are done."""
        while self._jobs:
            self._jobs.popleft().result()
        self._worker.shutdown()

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._worker.shutdown()
