"""A stand-in for the part of `torch.cuda` that records graphs, so that they can be tested without a GPU.

A recording notes each operation with the very tensors it read and made; like the driver, it refuses one that waits for
the host. A replay repeats the operations on these tensors: nothing but memory is read anew, and the results appear
where the recorded ones lie.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from clipvis_core.models import cuda_graphs


class RecordedCuda:
    """What was done with it.

    Attributes:
        recordings: Graphs in the order of their recording.
        events: `wait` and `record` of events, and `replay`, in order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recordings: list[Recording] = []
        self.events: list[str] = []
        self.stream = "the first"
        monkeypatch.setattr(cuda_graphs, "on_gpu", lambda images: True)
        stand_ins = {
            "CUDAGraph": lambda: Recording(self),
            "Event": lambda: Event(self),
            "Stream": lambda device: Stream("of recordings"),
            "current_stream": lambda: Stream(self.stream),
            "device": lambda device: nullcontext(),
            "graph": self.recording,
            "graph_pool_handle": lambda: (0, 1),
            "stream": self.in_stream,
        }
        for name, stand_in in stand_ins.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)

    @contextmanager
    def recording(self, graph: Recording, pool: tuple, stream: Stream, capture_error_mode: str):
        assert (pool, stream.name, capture_error_mode) == ((0, 1), "of recordings", "thread_local")
        self.recordings.append(graph)
        with graph:
            yield

    @contextmanager
    def in_stream(self, stream: Stream):
        before, self.stream = self.stream, stream.name
        try:
            yield
        finally:
            self.stream = before


class Recording(TorchDispatchMode):
    def __init__(self, cuda: RecordedCuda) -> None:
        super().__init__()
        self.cuda = cuda
        self.calls: list[tuple] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing\nmore lines")
        results = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, results))
        return results

    def replay(self) -> None:
        self.cuda.events.append("replay")
        for func, args, kwargs, results in self.calls:
            for old, new in zip(tree_leaves(results), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class Event:
    def __init__(self, cuda: RecordedCuda) -> None:
        self.cuda = cuda

    def wait(self) -> None:
        self.cuda.events.append("wait")

    def record(self) -> None:
        self.cuda.events.append("record")


class Stream:
    def __init__(self, name: str) -> None:
        self.name = name

    def wait_stream(self, other: Stream) -> None:
        assert self.name != other.name
