"""The word table, fitted so that a sum of rows points where the sentence encoder's vector does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from torch import Tensor
from tqdm import trange

from clipvis_core.models.static_text import CONTINUES, piece_rows, word_pieces

SHORTEST_SUM = 0.1


@dataclass(frozen=True)
class Projection:
    """From the sentence encoder's space to the shorter, centred one of the model.

    All names have much in common; without their mean, the cosines of different things are farther apart.

    Attributes:
        mean: `(C,)`.
        axes: `(C, D)`, orthonormal.
    """

    mean: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, vectors: Tensor, dim: int) -> Projection:
        """The D principal axes of unit vectors `(P, C)`."""
        mean = vectors.mean(dim=0)
        centred = (vectors - mean).double()
        axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :dim]
        return cls(mean, axes.to(vectors.dtype))

    def __call__(self, vectors: Tensor) -> Tensor:
        """Unit vectors `(P, C)` -> unit vectors `(P, D)`."""
        return F.normalize((vectors - self.mean) @ self.axes, dim=-1)


def piece_texts() -> list[str]:
    """Each piece of a word as a text of its own."""
    return [piece.removeprefix(CONTINUES) for piece in piece_rows()]


def fit_word_table(
    pieces: Tensor, texts: Sequence[str], vectors: Tensor, *, loyalty: float = 1.0, rounds: int = 4, steps: int = 15
) -> Tensor:
    """Rows whose sums point where the vectors of texts do, by least squares.

    With A the counts of pieces in texts, y a text's unit vector and s the length of its sum along y, the error
    `|A R - s y|^2 / s^2` is the squared sine of a small angle. It is minimised over the rows R for the s of the
    round before, with conjugate gradients.

    Rows start as the vectors of pieces alone. BERT's list is ordered by how frequent a piece is, so that
    `log(1 + place)` weights them roughly as Zipf's law would.

    Args:
        pieces: Unit vectors of all pieces alone, `(V, D)`.
        texts: P names.
        vectors: Their unit vectors, `(P, D)`.
        loyalty: Weight of the squared distance of a row from its start.
        rounds: How often the lengths are taken anew.
        steps: Conjugate gradient steps a round.

    Returns:
        float32 `(V, D)`.
    """
    counts = _piece_counts(texts, len(pieces))
    transposed = counts.T.tocsr()
    targets = vectors.numpy()
    weights = np.log1p(np.arange(1, len(pieces) + 1, dtype=np.float32))[:, None]
    start = pieces.numpy() * (weights / weights.mean())
    rows = start
    for _ in trange(rounds, desc="fitting the word table", unit="round"):
        lengths = np.maximum(((counts @ rows) * targets).sum(axis=1, keepdims=True), SHORTEST_SUM)
        rows = _conjugate_gradients(
            lambda x, lengths=lengths: transposed @ (counts @ x / lengths**2) + loyalty * x,
            transposed @ (targets / lengths) + loyalty * start,
            rows,
            steps,
        )
    return torch.from_numpy(rows)


def _piece_counts(texts: Sequence[str], num_pieces: int) -> csr_array:
    cuts = [word_pieces(text) for text in texts]
    places = np.repeat(np.arange(len(cuts)), [len(cut) for cut in cuts])
    pieces = np.concatenate(cuts)
    ones = np.ones(len(pieces), dtype=np.float32)
    return csr_array((ones, (places, pieces)), shape=(len(cuts), num_pieces))


def _conjugate_gradients(
    operator: Callable[[np.ndarray], np.ndarray], right: np.ndarray, x: np.ndarray, steps: int
) -> np.ndarray:
    """Solves `operator(x) = right` for each column, from the given start; scipy's solves one at a time."""
    residual = right - operator(x)
    direction = residual
    square = (residual**2).sum(axis=0)
    for _ in range(steps):
        image = operator(direction)
        stride = square / np.maximum((direction * image).sum(axis=0), 1e-12)
        x = x + stride * direction
        residual = residual - stride * image
        square, before = (residual**2).sum(axis=0), square
        direction = residual + (square / np.maximum(before, 1e-12)) * direction
    return x
