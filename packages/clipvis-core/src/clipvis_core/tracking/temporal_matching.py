"""Temporal top-K-enhanced matching: puts each frame's queries into the order of the tracks."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor


class TemporalMatcher:
    """Links queries through time from their embeddings alone; one object a video.

    The memory holds the embeddings of the last frames in track order, oldest first. A new frame is matched with each
    of them (Hungarian on 1 - cosine). With fewer than `num_match` memories the cheapest memory's assignment is
    taken; otherwise the costs of the `num_match` cheapest memories are averaged, each weighted by its position in
    the memory (1 = oldest), and matched once more (METHOD section 7; paper: temporal top-K-enhanced matching).

    Args:
        num_memory: M, the most frames remembered.
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
        if num_memory < 1 or num_match < 1:
            raise ValueError(
                f"num_memory and num_match must be at least 1, got {num_memory} and {num_match}"
            )
        self.num_memory = num_memory
        self.num_match = num_match
        self._memory: deque[Tensor] = deque(maxlen=num_memory)

    def reset(self) -> None:
        """Forgets the video."""
        self._memory.clear()

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
        current = F.normalize(embeddings.detach().float(), dim=-1)
        if not self._memory:
            permutation = torch.arange(len(current), device=current.device)
        elif current.shape != self._memory[-1].shape:
            raise ValueError(
                f"embeddings of shape {tuple(self._memory[-1].shape)} expected, got {tuple(current.shape)}"
            )
        else:
            costs = 1.0 - torch.stack(tuple(self._memory)) @ current.T
            permutation = torch.from_numpy(self._assign(costs.cpu().numpy())).to(current.device)
        self._memory.append(current[permutation])
        return permutation

    def _assign(self, costs: np.ndarray) -> np.ndarray:
        """Permutation from the costs `(M, track, query)` of all memories."""
        costs = np.nan_to_num(costs, nan=2.0, posinf=2.0, neginf=2.0)
        assignments = [linear_sum_assignment(cost)[1] for cost in costs]
        if len(costs) < self.num_match:
            return assignments[int(np.argmin(_totals(costs, assignments)))]
        cheapest = np.argsort(_totals(costs, assignments), kind="stable")[: self.num_match]
        weights = (cheapest + 1).astype(costs.dtype)
        return linear_sum_assignment((costs[cheapest] * weights[:, None, None]).mean(axis=0))[1]


def _totals(costs: np.ndarray, assignments: list[np.ndarray]) -> np.ndarray:
    """Cost of each memory's own assignment, `(M,)`."""
    tracks = np.arange(costs.shape[1])
    return np.array(
        [cost[tracks, queries].sum() for cost, queries in zip(costs, assignments, strict=True)]
    )
