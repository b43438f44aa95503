"""Time spent in chosen methods of live objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def timed(
    stages: dict[str, tuple[object, str]],
    seconds: dict[str, float],
    device: str,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[None]:
    """Adds the time spent in each method to `seconds` while the context lasts.

    Args:
        stages: Stage name -> (object, name of its method).
        seconds: Sums by stage; a `defaultdict(float)`.
        device: On "cuda", the queue is emptied before the clock is read.
        clock: What tells the seconds.
    """
    with ExitStack() as stack:
        for stage, (owner, name) in stages.items():
            call = _timed_call(getattr(owner, name), stage, seconds, device, clock)
            stack.enter_context(patch.object(owner, name, call))
        yield


def _timed_call(
    method: Callable, stage: str, seconds: dict[str, float], device: str, clock: Callable[[], float]
) -> Callable:
    """A function, so that it can stand for a method of a class as well as for one of an object."""

    def call(*args: Any, **kwargs: Any) -> Any:
        start = clock()
        result = method(*args, **kwargs)
        if device.startswith("cuda"):
            import torch

            torch.cuda.synchronize()
        seconds[stage] += clock() - start
        return result

    return call
