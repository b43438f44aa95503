"""Temporal top-K-enhanced matching: puts each frame's queries into the order of the tracks."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

try:  # from the distribution `lapx`; `lap`, which shares the module's name, has no such function
    from lap import lapjvr_batch
except ImportError:
    lapjvr_batch = None


class TemporalMatcher:
    """Links queries through time from their embeddings alone; one object a video.

    The memory holds the embeddings of the last frames in track order, oldest first. A new frame is matched with each
    of them (Hungarian on 1 - cosine). With fewer than `num_match` memories the cheapest memory's assignment is
    taken; otherwise the costs of the `num_match` cheapest memories are averaged, each weighted by its position in
    the memory (1 = oldest), and matched once more (docs/model.md, equation 17).

    Args:
        num_memory: M, the most frames remembered; with 0, nothing is matched and every frame keeps its own order.
        num_match: How many of them are combined; above `num_memory`, the cheapest one alone always decides.

    Example:
        >>> import torch
        >>> matcher = TemporalMatcher()
        >>> first = torch.eye(3)
        >>> matcher.step(first).tolist()
        [0, 1, 2]
        >>> matcher.step(first[[2, 0, 1]]).tolist()  # track 0 is the second query now
        [1, 2, 0]
    """

    def __init__(self, num_memory: int = 9, num_match: int = 5) -> None:
        if num_memory < 0 or num_match < 1:
            raise ValueError(f"num_memory must be at least 0 and num_match 1, got {num_memory} and {num_match}")
        self.num_memory = num_memory
        self.num_match = num_match
        self.reset()

    def reset(self) -> None:
        """Forgets the video."""
        # Embeddings stay in network order, so that a window's cosines do not wait for its permutations.
        self._embeddings: Tensor | None = None
        self._permutations: deque[np.ndarray] = deque(maxlen=self.num_memory)

    def step(self, embeddings: Tensor) -> Tensor:
        """Matches the next frame.

        Args:
            embeddings: `(Q, C)`, the frame's query embeddings in network order.

        Returns:
            int64 `(Q,)` on the same device: `permutation[track]` is the query that continues the track; the identity
            for the first frame.

        Raises:
            ValueError: Q or C differs from the frames before.
        """
        return self.steps(embeddings.unsqueeze(0))[0]

    def steps(self, embeddings: Tensor) -> Tensor:
        """Matches the next n frames; what `step` gives one after the other, with one product and one copy to the host.

        Args:
            embeddings: `(n, Q, C)`, in network order.

        Returns:
            int64 `(n, Q)`, see `step`.
        """
        return self.permutations(self.cosines(embeddings).cpu(), len(embeddings)).to(embeddings.device)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """Takes in the embeddings of the next n frames, whose `permutations` are asked for in the same order.

        Args:
            embeddings: See `steps`.

        Returns:
            Cosines of each frame with its memories, frame after frame: `(sum of memories, Q of a memory, Q of the
            frame)`, float32 on the embeddings' device.

        Raises:
            ValueError: See `step`.
        """
        current = F.normalize(embeddings.detach().float(), dim=-1)
        frames = current
        if self._embeddings is not None:
            if current.shape[1:] != self._embeddings.shape[1:]:
                raise ValueError(
                    f"embeddings of shape {tuple(self._embeddings.shape[1:])} expected, got {tuple(current.shape[1:])}"
                )
            frames = torch.cat([self._embeddings, current])
        self._embeddings = frames[max(0, len(frames) - self.num_memory) :]
        queries, before = current.shape[1], len(frames) - len(current)
        if self.num_memory == 0 or len(frames) == 1:
            return current.new_empty((0, queries, queries))
        product = frames[:-1].flatten(0, 1) @ current.flatten(0, 1).T
        product = product.view(len(frames) - 1, queries, len(current), queries)
        ends = range(before, len(frames))
        return torch.cat([product[max(0, end - self.num_memory) : end, :, end - before] for end in ends])

    def permutations(self, cosines: Tensor, number: int) -> Tensor:
        """Matches frames whose `cosines`, on the CPU, are at hand: int64 `(number, Q)`, see `step`."""
        remaining = cosines.numpy()
        permutations = []
        for _ in range(number):
            permutation = np.arange(cosines.shape[1])
            if self._permutations:
                memories = len(self._permutations)
                permutation = self._match(remaining[:memories])
                remaining = remaining[memories:]
            self._permutations.append(permutation)
            permutations.append(permutation)
        return torch.from_numpy(np.stack(permutations))

    def _match(self, cosines: np.ndarray) -> np.ndarray:
        """Permutation from the cosines `(M, Q, Q)` of the memories' queries with those of the frame."""
        tracks = np.arange(len(cosines))[:, None], np.stack(self._permutations)
        costs = 1.0 - cosines[tracks]
        if not np.isfinite(costs.sum()):
            costs = np.nan_to_num(costs, nan=2.0, posinf=2.0, neginf=2.0)
        totals, assignments = assign(costs)
        if len(costs) < self.num_match:
            return assignments[int(np.argmin(totals))]
        cheapest = np.argsort(totals, kind="stable")[: self.num_match]
        weights = (cheapest + 1).astype(costs.dtype) / self.num_match
        return assign(np.einsum("m,mtq->tq", weights, costs[cheapest])[None])[1][0]


def assign(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The permutations of least total cost.

    lapx takes a quarter of the time of scipy's solver at 100 x 100. Both find the optimum, and may choose differently
    between equal optima only.

    Args:
        costs: `(M, N, N)`, M problems, finite.

    Returns:
        The totals, `(M,)`, and int64 `(M, N)`: the column of each row.

    Example:
        >>> totals, columns = assign(np.array([[[4.0, 1.0], [2.0, 3.0]]]))
        >>> totals.tolist(), columns.tolist()
        ([3.0], [[1, 0]])
    """
    if lapjvr_batch is None:
        return assign_plainly(costs)
    totals, _, columns = lapjvr_batch(costs, n_threads=1)
    return totals, np.stack(columns)


def assign_plainly(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same by scipy, which `assign` falls back to where lapx is not installed."""
    columns = np.stack([linear_sum_assignment(cost)[1] for cost in costs])
    return np.take_along_axis(costs, columns[:, :, None], axis=2).sum(axis=(1, 2)), columns
