"""The form of deformable attention for the CPU: the weighted sum over all points is one `embedding_bag`.

The plain form samples each scale, keeps all samples, and then weighs and adds them. Here the sum over the 4 cells
around each of the points is taken over the rows of a table of values. Each scale is framed by rows of zeros, so that no
sample needs a mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from clipvis_core.models.positions import Size


def embedding_bag_form(value: Tensor, sizes: tuple[Size, ...], places: Tensor, weights: Tensor) -> Tensor:
    """See `deformable_attention`."""
    heads, _, points = weights.shape[2:]
    table = FramedTable.of(sizes, heads, points, places)
    places = torch.minimum(places.flatten(2).clamp(min=0), table.limits)
    cells = places.detach().floor().nan_to_num_()  # a row that exists; the weight stays NaN
    first = _first_rows(cells, table)
    corner_weights = _corner_weights(places - cells, weights.flatten(3))
    pooled = F.embedding_bag(
        _corner_rows(first, table),
        _framed(value.detach(), sizes).view(-1, value.shape[-1]),
        mode="sum",
        per_sample_weights=corner_weights.flatten(1),
    )
    pooled = pooled.view(*weights.shape[:2], -1)
    if value.requires_grad:
        pooled = _ValueGradient.apply(pooled, value, first, corner_weights.detach(), table)
    return pooled


@dataclass(frozen=True)
class FramedTable:
    """Where the cells of each scale lie in the table; `P = heads * scales * points`.

    A scale of H x W cells has (H + 3) x (W + 3) rows: one of zeros before the first cell and two after the last, in
    both directions. A coordinate clamped to [0, W + 1] then has both its neighbours in the table, and gets zeros
    from outside.

    Attributes:
        sizes: H and W of each scale.
        num_heads: Heads, which are the innermost part of a row's number.
        limits: `(2P,)`, the largest coordinate: x of all points and then y.
        pitches: int32 `(P,)`, rows from a cell to the one below it.
        starts: int32 `(P,)`, the row of the framed scale's first cell.
    """

    sizes: tuple[Size, ...]
    num_heads: int
    limits: Tensor
    pitches: Tensor
    starts: Tensor

    @classmethod
    def of(cls, sizes: tuple[Size, ...], heads: int, points: int, places: Tensor) -> FramedTable:
        """The table for places of a dtype on a device."""
        per_point = [(height, width) for height, width in sizes for _ in range(points)] * heads
        frames = [(height + 3) * (width + 3) for height, width in sizes]
        starts = [
            sum(frames[:scale]) * heads + head
            for head in range(heads)
            for scale in range(len(sizes))
            for _ in range(points)
        ]
        limits = [width + 1 for _, width in per_point] + [height + 1 for height, _ in per_point]
        pitches = [(width + 3) * heads for _, width in per_point]
        device = places.device
        return cls(
            sizes=sizes,
            num_heads=heads,
            limits=torch.tensor(limits, dtype=places.dtype, device=device),
            pitches=torch.tensor(pitches, dtype=torch.int32, device=device),
            starts=torch.tensor(starts, dtype=torch.int32, device=device),
        )

    @property
    def num_rows(self) -> int:
        """Rows of the table for one image, with all heads in one row."""
        return sum((height + 3) * (width + 3) for height, width in self.sizes)


def _first_rows(cells: Tensor, table: FramedTable) -> Tensor:
    """Row of each point's upper left cell, int32 `(B, M, heads, scales * points)`."""
    x, y = cells.int().chunk(2, dim=-1)
    rows = (y * table.pitches).add_(x, alpha=table.num_heads).add_(table.starts)
    images = torch.arange(len(cells), dtype=torch.int32, device=cells.device) * (table.num_rows * table.num_heads)
    return rows.add_(images.view(-1, 1, 1)).unflatten(-1, (table.num_heads, -1))


def _corner_rows(first: Tensor, table: FramedTable) -> Tensor:
    """Rows of the 4 cells around each point, `(B * M * heads, 4 * scales * points)`: two above, two below."""
    right = table.num_heads
    below = table.pitches.view(table.num_heads, -1)
    corners = [first, first + right, first + below, first + (below + right)]
    return torch.stack(corners, dim=3).flatten(0, 2).flatten(1)


def _corner_weights(fractions: Tensor, weights: Tensor) -> Tensor:
    """Weights of the 4 cells in the same order, `(B * M * heads, 4, scales * points)`."""
    heads = weights.shape[2]
    right, down = (part.unflatten(-1, (heads, -1)).flatten(0, 2) for part in fractions.chunk(2, dim=-1))
    weights = weights.flatten(0, 2)
    lower = weights * down
    upper = weights - lower
    upper_right, lower_right = upper * right, lower * right
    corners = [upper - upper_right, upper_right, lower - lower_right, lower_right]
    return torch.stack(corners, dim=1)


def _framed(value: Tensor, sizes: tuple[Size, ...]) -> Tensor:
    """Each scale of `(B, N, heads, C / heads)` with its frame of zeros: `(B, rows, C)`."""
    scales = value.flatten(2).split([height * width for height, width in sizes], dim=1)
    framed = [
        F.pad(scale.unflatten(1, size), (0, 0, 1, 2, 1, 2)).flatten(1, 2)
        for scale, size in zip(scales, sizes, strict=True)
    ]
    return torch.cat(framed, dim=1)


class _ValueGradient(torch.autograd.Function):
    """Gives `value` its gradient, which `embedding_bag`'s own backward takes five times longer for.

    The gradient of a row is a sum over the samples that read it. Sorting the points by their first corner makes it
    four `embedding_bag`s, one a corner, over rows of the output's gradient; the results are then moved by
    the corner's distance. Forward hands the result through.
    """

    @staticmethod
    def forward(
        ctx: Any, pooled: Tensor, value: Tensor, first: Tensor, corner_weights: Tensor, table: FramedTable
    ) -> Tensor:
        ctx.save_for_backward(first, corner_weights)
        ctx.table = table
        ctx.value_shape = value.shape
        return pooled.view_as(pooled)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first, corner_weights = ctx.saved_tensors
        table = ctx.table
        batch, _, channels = gradient.shape
        points = first.shape[-1]
        rows = batch * table.num_rows * table.num_heads
        ordered, order = torch.sort(first.flatten())
        starts = torch.searchsorted(ordered, torch.arange(rows, dtype=ordered.dtype, device=ordered.device))
        bags = order.div(points, rounding_mode="floor")
        source = gradient.reshape(-1, channels // table.num_heads)
        by_corner = [
            F.embedding_bag(
                bags, source, starts, mode="sum", per_sample_weights=corner_weights[:, corner].flatten()[order]
            ).view(batch, -1, channels)
            for corner in range(4)
        ]
        return gradient, _unframed(by_corner, table.sizes).view(ctx.value_shape), None, None, None


def _unframed(by_corner: list[Tensor], sizes: tuple[Size, ...]) -> Tensor:
    """Adds gradients `(B, rows, C)` that belong 0 or 1 cell to the right and below, without the frame: `(B, N, C)`."""
    parts = []
    frames = [(height + 3) * (width + 3) for height, width in sizes]
    scales = zip(*(corner.split(frames, dim=1) for corner in by_corner), strict=True)
    for corners, (height, width) in zip(scales, sizes, strict=True):
        total = 0
        for corner, gradient in enumerate(corners):
            up, left = 1 - corner // 2, 1 - corner % 2
            framed = gradient.unflatten(1, (height + 3, width + 3))
            total = total + framed[:, up : up + height, left : left + width]
        parts.append(total.flatten(1, 2))
    return torch.cat(parts, dim=1)
