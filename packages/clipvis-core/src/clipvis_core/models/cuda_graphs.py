"""A function of a window of frames as CUDA graphs, one for each size of window (docs/gpu.md, "CUDA graphs").

A graph is a recording of the kernels that a call started. It replays them all by one launch, on the same addresses: the
input is copied to where the recorded one lay, the results are copied from where the recorded ones lie, and all other
memory that the kernels read has to stay as long as the graph does.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MOST_GRAPHS = 4

WindowFunction = Callable[[Tensor], tuple[Tensor, ...]]


class CudaGraphs:
    """Calls a function on a GPU by graphs, and as it is where there can be none.

    The first window of a size is given to the function itself, since the last window of a video often has a size of its
    own. The second one is recorded and replayed, as are all that follow. The results belong to the caller: no replay
    changes them. Several streams may take turns, but not several threads.

    There is no graph on a CPU, while gradients are recorded, and from the first recording on that failed; the function
    is then called, and the reason logged in one line.

    Args:
        function: Images `(n, 3, H, W)` to tensors. Nothing in it may wait for the GPU, and its operations may depend on
            shape and precision of the images only. Settings such as TF32 and autocast are those of the recording.
        weights: Tensors that the function uses. When they have changed, graphs are made anew.
        most: Graphs that are kept; the one that was not used for the longest time gives way.

    Attributes:
        reasons: Why windows had no graph, as it was logged.
    """

    def __init__(self, function: WindowFunction, weights: Iterable[Tensor] = (), most: int = MOST_GRAPHS) -> None:
        self.reasons: list[str] = []
        self._function = function
        self._weights = tuple(weights)
        self._most = most
        self._graphs: OrderedDict[tuple, _Graph | None] = OrderedDict()  # None: was there once
        self._made_for: tuple | None = None
        self._resources: _Resources | None = None
        self._failed: str | None = None

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """What the function gives for images `(n, 3, H, W)`."""
        reason = self._reason_against(images)
        if reason is not None:
            self._log(reason)
            return self._function(images)
        graph = self._graph(images)
        return self._function(images) if graph is None else graph.replay(images)

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        """Shapes of the windows that have graphs; the latest one last."""
        return [key[0] for key, graph in self._graphs.items() if graph is not None]

    def _reason_against(self, images: Tensor) -> str | None:
        if self._failed is not None:
            return self._failed
        if not on_gpu(images):
            return f"CUDA graphs need a GPU: the network runs without them on {images.device.type}"
        if torch.is_grad_enabled():
            return "CUDA graphs record no gradients: the network runs without them where gradients are enabled"
        return None

    def _graph(self, images: Tensor) -> _Graph | None:
        """The graph for a window; None the first time, or where recording failed."""
        state = (images.device, [tensor._version for tensor in self._weights])
        if state != self._made_for:
            self._graphs.clear()
            self._made_for, self._resources = state, _Resources.on(images.device)
        key = (tuple(images.shape), images.dtype)
        if key not in self._graphs:
            self._graphs[key] = None
            if len(self._graphs) > self._most:
                self._graphs.popitem(last=False)
            return None
        self._graphs.move_to_end(key)
        if self._graphs[key] is None:
            self._graphs[key] = self._recorded(images)
        return self._graphs[key]

    def _recorded(self, images: Tensor) -> _Graph | None:
        try:
            return _Graph(self._function, images, self._resources)
        except Exception as error:  # whatever the driver, a library or the function raise: it goes without graphs, too
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        self._failed = f"no CUDA graph could be recorded ({first[:200]}): the network runs without them"
        for key in self._graphs:  # what they hold may be what is missing
            self._graphs[key] = None
        self._log(self._failed)
        return None

    def _log(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)
            print_log(reason, logger="current", level=logging.WARNING)


def on_gpu(images: Tensor) -> bool:
    """Whether graphs can be recorded where the images are."""
    return images.is_cuda


@dataclass(frozen=True)
class _Resources:
    """What the graphs of one device share.

    Attributes:
        stream: Where they are recorded.
        memory: Handle of the memory for what lies between input and results; only one graph at a time needs it.
        idle: Recorded when the latest replay and the copies of its results are over.
    """

    stream: torch.cuda.Stream
    memory: tuple[int, int]
    idle: torch.cuda.Event

    @classmethod
    def on(cls, device: torch.device) -> _Resources:
        return cls(torch.cuda.Stream(device), torch.cuda.graph_pool_handle(), torch.cuda.Event())


class _Graph:
    """One recording, and all the memory it works on."""

    def __init__(self, function: WindowFunction, images: Tensor, resources: _Resources) -> None:
        self._resources = resources
        self._graph = torch.cuda.CUDAGraph()
        stream = resources.stream
        # Else what is made here could not be written to later, outside inference mode.
        with torch.cuda.device(images.device), torch.inference_mode(False), torch.no_grad():
            self._images = images.clone()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):  # leads back also from a recording that failed
                function(self._images)  # so that nothing is compiled, loaded or looked up for the first time below
                self._read = memory_read(function, self._images)
                # Other threads may go on: they copy masks and make room for frames.
                with torch.cuda.graph(self._graph, resources.memory, stream, capture_error_mode="thread_local"):
                    self._results = function(self._images)
            torch.cuda.current_stream().wait_stream(stream)

    def replay(self, images: Tensor) -> tuple[Tensor, ...]:
        """The results for other images, in memory of their own."""
        with torch.cuda.device(images.device):
            self._resources.idle.wait()
            self._images.copy_(images)
            self._graph.replay()
            results = tuple(result.clone() for result in self._results)
            self._resources.idle.record()
        return results


def memory_read(function: WindowFunction, images: Tensor) -> list[UntypedStorage]:
    """The memory that a call reads and does not make: weights, their folded copies, positions.

    The last two are kept for a few sizes only: without a graph that holds on to them, they would make room for others.
    """
    # Under a mode nothing is compiled, and without the stance never again.
    with torch.compiler.set_stance("force_eager"), _Reads() as reads:
        function(images)
    return list(reads.storages.values())


class _Reads(TorchDispatchMode):
    """Collects the memory that operations read and that none of them made."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[int, UntypedStorage] = {}
        self._made: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        results = func(*args, **(kwargs or {}))
        read = {storage.data_ptr(): storage for storage in _storages((args, kwargs))}
        self.storages |= {place: storage for place, storage in read.items() if place not in self._made}
        self._made |= {storage.data_ptr() for storage in _storages(results)} - self.storages.keys()
        return results


def _storages(values: Any) -> list[UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
