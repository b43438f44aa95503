"""A pause of Python's garbage collector while objects are made by the hundred thousand."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keeps the collector from looking for cycles.

    Reading and decoding makes no cycles, so every object goes when its last reference does; but each
    some hundred new objects would send the collector through those in memory.

    Example:
        >>> with collector_paused():
        ...     objects = [[] for _ in range(100_000)]
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
