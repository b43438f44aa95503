"""Deformable self-attention over the pixels of several scales: a fast form for the CPU beside mmcv's.

mmcv samples each scale by `grid_sample`, keeps all samples, and then weighs and adds them. Here the weighted sum of
the 4 cells around each of the points is one `embedding_bag` over a table of value rows, and scales that run out
of the image are framed by zero rows, so that no sample needs a mask. The numbers are those of mmcv's form up to the
order of additions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.ops import MultiScaleDeformableAttention, get_compiling_cuda_version, multi_scale_deform_attn
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction, multi_scale_deformable_attn_pytorch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from clipvis_core.models.positions import Size


def use_pytorch_form_without_kernel() -> None:
    """Makes mmcv take its PyTorch form on CUDA tensors if this mmcv has no CUDA kernel.

    mmcv chooses the kernel whenever a GPU is there, also in a build without CUDA operators, where the call fails;
    the PyTorch form runs everywhere, more slowly.
    """
    if get_compiling_cuda_version() == "not available":
        multi_scale_deform_attn.IS_CUDA_AVAILABLE = False


@dataclass(frozen=True)
class SamplingGrid:
    """Where the cells of each scale lie in the value table, laid out as the points are: `P' = heads * scales * points`.

    A scale of H x W cells has (H + 3) x (W + 3) rows: one of zeros before the first cell and two after the last, in
    both directions. A coordinate clamped to [0, W + 1] then has both its neighbours in the table, and gets zeros
    from outside.

    Attributes:
        sizes: H and W of each scale.
        centres: `(N, 2P')`, x of all points and then y: each token's centre, as coordinate in the framed scale.
        limits: `(2P',)`, the largest coordinate.
        pitches: int32 `(P',)`, table rows from a cell to the one below it.
        starts: int32 `(P',)`, the row of the framed scale's first cell.
        num_heads: Heads, which are the innermost part of a row's number.
    """

    sizes: tuple[Size, ...]
    centres: Tensor
    limits: Tensor
    pitches: Tensor
    starts: Tensor
    num_heads: int

    @property
    def num_rows(self) -> int:
        """Rows of the table for one image, with all heads in one row."""
        return sum((height + 3) * (width + 3) for height, width in self.sizes)


@lru_cache(maxsize=4)
def sampling_grid(sizes: tuple[Size, ...], num_heads: int, num_points: int, dtype: torch.dtype) -> SamplingGrid:
    """The grid of scales whose tokens follow each other, row by row, and each look at all scales."""
    with torch.inference_mode(False):  # else the cached tensors would be of no use in training
        heights, widths = (torch.tensor(side, dtype=dtype) for side in zip(*sizes, strict=True))
        frames = (heights + 3) * (widths + 3)
        x, y = [], []
        for height, width in sizes:
            rows = (torch.arange(height, dtype=dtype) + 0.5) / height
            columns = (torch.arange(width, dtype=dtype) + 0.5) / width
            y.append(rows.repeat_interleave(width))
            x.append(columns.repeat(height))

        def per_point(values: Tensor) -> Tensor:
            """A value a scale (last dimension) to a value a point."""
            return values.repeat_interleave(num_points, dim=-1).repeat(*[1] * (values.dim() - 1), num_heads)

        # Cells have whole coordinates and the frame adds 1: the centre of the first cell is at 1.
        centres = [per_point(torch.cat(axis)[:, None] * sides + 0.5) for axis, sides in ((x, widths), (y, heights))]
        heads = torch.arange(num_heads).repeat_interleave(len(sizes) * num_points)
        return SamplingGrid(
            sizes=sizes,
            centres=torch.cat(centres, dim=-1),
            limits=torch.cat([per_point(widths + 1), per_point(heights + 1)]),
            pitches=(per_point(widths + 3) * num_heads).int(),
            starts=(per_point(frames.cumsum(0) - frames) * num_heads + heads).int(),
            num_heads=num_heads,
        )


@dataclass(frozen=True)
class MmcvGrid:
    """What mmcv's forms ask for.

    Attributes:
        sizes: H and W of each scale.
        centres: `(N, 1, 1, 1, 2)`, each token's centre (x, y) in [0, 1].
        shapes: `sizes` as tensor.
        starts: First token of each scale.
    """

    sizes: tuple[Size, ...]
    centres: Tensor
    shapes: Tensor
    starts: Tensor


@lru_cache(maxsize=4)
def mmcv_grid(sizes: tuple[Size, ...], dtype: torch.dtype, device: torch.device) -> MmcvGrid:
    """The same scales for mmcv."""
    with torch.inference_mode(False):
        centres = [
            torch.cartesian_prod(*((torch.arange(side, dtype=dtype) + 0.5) / side for side in size)) for size in sizes
        ]
        centres = torch.cat(centres).flip(-1)[:, None, None, None]
        shapes = torch.tensor(sizes)
        starts = shapes.prod(dim=1).cumsum(0) - shapes.prod(dim=1)
        return MmcvGrid(sizes, centres.to(device), shapes.to(device), starts.to(device))


def grid_for(
    attention: MultiScaleDeformableAttention, sizes: tuple[Size, ...], tokens: Tensor
) -> SamplingGrid | MmcvGrid:
    """The grid of the form that is fastest where the tokens are."""
    dtype = torch.promote_types(tokens.dtype, torch.float32)
    if tokens.device.type == "cpu":
        return sampling_grid(sizes, attention.num_heads, attention.num_points, dtype)
    return mmcv_grid(sizes, dtype, tokens.device)


def deformable_self_attention(
    attention: MultiScaleDeformableAttention, tokens: Tensor, query: Tensor, grid: SamplingGrid | MmcvGrid
) -> Tensor:
    """What `attention` adds to `tokens`.

    Args:
        attention: mmcv's module, whose parameters are used; `batch_first`.
        tokens: `(B, N, C)`, the cells of all scales, row by row, scale after scale.
        query: `(B, N, C)`, the tokens with their positions.
        grid: Decides the form; see `grid_for`. Values, places and weights have its precision.

    Returns:
        `(B, N, C)`, without the tokens themselves.
    """
    dtype = grid.centres.dtype
    value = attention.value_proj(tokens).to(dtype)
    logits = attention.attention_weights(query).to(dtype)
    weights = _softmax(logits.view(-1, attention.num_levels * attention.num_points))
    weights = weights.view_as(logits)
    if isinstance(grid, MmcvGrid):
        offsets = attention.sampling_offsets(query).to(dtype)
        pooled = sample_by_mmcv(attention, value, offsets, weights, grid)
    else:
        offsets = F.linear(query, *_x_before_y(attention.sampling_offsets)).to(dtype)
        pooled = sample_and_sum(value, offsets, weights, grid)
    return attention.dropout(attention.output_proj(pooled))


def sample_by_mmcv(
    attention: MultiScaleDeformableAttention, value: Tensor, offsets: Tensor, weights: Tensor, grid: MmcvGrid
) -> Tensor:
    """mmcv's CUDA kernel, which knows no bfloat16, or its `grid_sample` form, which `torch.compile` can see through.

    Args:
        attention: Says how many heads, scales and points there are.
        value: `(B, N, C)`.
        offsets: `(B, N, heads * scales * points * 2)`, (x, y) in cells.
        weights: `(B, N, heads * scales * points)`.
        grid: See `MmcvGrid`.

    Returns:
        `(B, N, C)`.
    """
    parts = (attention.num_heads, attention.num_levels, attention.num_points)
    places = grid.centres + offsets.unflatten(-1, (*parts, 2)) / grid.shapes.flip(-1)[:, None]
    value = value.unflatten(-1, (attention.num_heads, -1))
    weights = weights.unflatten(-1, parts)
    has_kernel = value.is_cuda and multi_scale_deform_attn.IS_CUDA_AVAILABLE
    if has_kernel and not torch.compiler.is_compiling():
        return MultiScaleDeformableAttnFunction.apply(
            value, grid.shapes, grid.starts, places, weights, attention.im2col_step
        )
    return multi_scale_deformable_attn_pytorch(value, grid.sizes, places, weights)


def sample_and_sum(value: Tensor, offsets: Tensor, weights: Tensor, grid: SamplingGrid) -> Tensor:
    """Weighted sum, a head and a token, of the values at its points; bilinear, zeros outside.

    Args:
        value: `(B, N, C)`, the heads one after the other.
        offsets: `(B, N, 2P')`, from the token's centre in cells of the scale looked at: x of all points (head,
            scale, point), then y.
        weights: `(B, N, P')`, of the points.
        grid: See `SamplingGrid`.

    Returns:
        `(B, N, C)`.
    """
    places = torch.minimum((offsets + grid.centres).clamp(min=0), grid.limits)
    cells = places.detach().floor().nan_to_num_()  # a row that exists; the weight stays NaN
    first = _first_rows(cells, grid)
    corner_weights = _corner_weights(places - cells, weights, grid.num_heads)
    pooled = F.embedding_bag(
        _corner_rows(first, grid),
        _framed(value.detach(), grid.sizes).view(-1, value.shape[-1] // grid.num_heads),
        mode="sum",
        per_sample_weights=corner_weights.flatten(1),
    )
    pooled = pooled.view(value.shape)
    if value.requires_grad:
        pooled = _ValueGradient.apply(pooled, value, first, corner_weights.detach(), grid)
    return pooled


def _first_rows(cells: Tensor, grid: SamplingGrid) -> Tensor:
    """Table row of each point's upper left cell, int32 `(B, N, heads, scales * points)`."""
    x, y = cells.int().chunk(2, dim=-1)
    rows = (y * grid.pitches).add_(x, alpha=grid.num_heads).add_(grid.starts)
    images = torch.arange(len(cells), dtype=torch.int32) * (grid.num_rows * grid.num_heads)
    return rows.add_(images.view(-1, 1, 1)).unflatten(-1, (grid.num_heads, -1))


def _corner_rows(first: Tensor, grid: SamplingGrid) -> Tensor:
    """Table rows of the 4 cells around each point, `(B * N * heads, 4 * scales * points)`: two above, two below."""
    right = grid.num_heads
    below = grid.pitches.view(grid.num_heads, -1)
    corners = [first, first + right, first + below, first + (below + right)]
    return torch.stack(corners, dim=3).flatten(0, 2).flatten(1)


def _corner_weights(fractions: Tensor, weights: Tensor, num_heads: int) -> Tensor:
    """Weights of the 4 cells in the same order, `(B * N * heads, 4, scales * points)`."""
    right, down = (part.unflatten(-1, (num_heads, -1)).flatten(0, 2) for part in fractions.chunk(2, dim=-1))
    weights = weights.unflatten(-1, (num_heads, -1)).flatten(0, 2)
    lower = weights * down
    upper = weights - lower
    upper_right, lower_right = upper * right, lower * right
    corners = [upper - upper_right, upper_right, lower - lower_right, lower_right]
    return torch.stack(corners, dim=1)


def _framed(value: Tensor, sizes: tuple[Size, ...]) -> Tensor:
    """Each scale of `(B, N, C)` with its frame of zeros: `(B, rows, C)`."""
    batch, _, channels = value.shape
    framed = [
        F.pad(scale.view(batch, height, width, channels), (0, 0, 1, 2, 1, 2)).flatten(1, 2)
        for scale, (height, width) in zip(
            value.split([height * width for height, width in sizes], dim=1), sizes, strict=True
        )
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
        ctx: Any, pooled: Tensor, _value: Tensor, first: Tensor, corner_weights: Tensor, grid: SamplingGrid
    ) -> Tensor:
        ctx.save_for_backward(first, corner_weights)
        ctx.grid = grid
        return pooled.view_as(pooled)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first, corner_weights = ctx.saved_tensors
        grid = ctx.grid
        batch, _, channels = gradient.shape
        points = first.shape[-1]
        rows = batch * grid.num_rows * grid.num_heads
        ordered, order = torch.sort(first.flatten())
        starts = torch.searchsorted(ordered, torch.arange(rows, dtype=ordered.dtype))
        bags = order.div(points, rounding_mode="floor")
        source = gradient.reshape(-1, channels // grid.num_heads)
        by_corner = [
            F.embedding_bag(
                bags, source, starts, mode="sum", per_sample_weights=corner_weights[:, corner].flatten()[order]
            ).view(batch, -1, channels)
            for corner in range(4)
        ]
        return gradient, _unframed(by_corner, grid.sizes), None, None, None


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


def _x_before_y(offsets: nn.Linear) -> tuple[Tensor, Tensor]:
    """Weight and bias of mmcv's offsets, with all x before all y."""
    weight = offsets.weight.unflatten(0, (-1, 2)).transpose(0, 1).flatten(0, 1)
    return weight, offsets.bias.view(-1, 2).T.flatten()


def _softmax(rows: Tensor) -> Tensor:
    """Softmax of many short rows `(M, n)`: PyTorch's takes twenty times longer along the last dimension."""
    return rows.T.contiguous().softmax(dim=0).T.contiguous()
