"""The form of deformable attention for GPUs: two Triton kernels, one forward and one backward.

With the names of equation 1 (docs/model.md), for a head of a query whose points i have places (x, y) and weights A:

    a = sum_i A_i v_i,    v_i = (1 - d) ((1 - r) V00 + r V01) + d ((1 - r) V10 + r V11)

V00 is the value of the last cell whose centre is not beyond (x, y) in either direction, V01 that of the cell to its
right, V10 of the one below it, V11 of the one below and to the right; r and d are the shares of a cell by which the
place is beyond the centre. Cells outside the scale are zero. With g the gradient of a:

    dA_i = g . v_i
    dx_i = A_i g . ((1 - d) (V01 - V00) + d (V11 - V10))
    dy_i = A_i g . ((1 - r) (V10 - V00) + r (V11 - V01))
    dV00 += A_i (1 - r) (1 - d) g,  and so on for the other three

A program computes one head of some queries, all its channels at once. Nothing is kept between forward and backward, so
that memory does not grow with the points. Sums are in float32 whatever the precision of what comes in. Several queries
add to one cell's gradient by atomic additions, in an order that changes from run to run, as in mmcv's kernel.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from clipvis_core.models.positions import Size

_TILE = 1024  # queries times channels of a program
_MOST_QUERIES = 64


def triton_form(value: Tensor, sizes: tuple[Size, ...], places: Tensor, weights: Tensor) -> Tensor:
    """See `deformable_attention`; values in float32, float16 or bfloat16, and so is the result."""
    return operator(value, places, weights, [side for size in sizes for side in size])


@torch.library.custom_op(
    "clipvis::deformable_attention",
    mutates_args=(),
    schema="(Tensor value, Tensor places, Tensor weights, int[] sizes) -> Tensor",
)
def operator(value: Tensor, places: Tensor, weights: Tensor, sizes: list[int]) -> Tensor:
    """The operator that PyTorch knows; `sizes` are H and W of each scale, one after the other."""
    output = torch.empty_like(_result_of(value, places))
    _launch(_forward, (value, places, weights), sizes, output)
    return output


@operator.register_fake
def _result_of(value: Tensor, places: Tensor, _weights: Tensor | None = None, _sizes: Any = None) -> Tensor:
    """An empty result `(B, M, C)`."""
    batch, _, heads, channels = value.shape
    return value.new_empty((batch, places.shape[1], heads * channels))


@torch.library.custom_op(
    "clipvis::deformable_attention_backward",
    mutates_args=(),
    schema="(Tensor gradient, Tensor value, Tensor places, Tensor weights, int[] sizes) -> (Tensor, Tensor, Tensor)",
)
def backward_operator(
    gradient: Tensor, value: Tensor, places: Tensor, weights: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of values, places and weights."""
    value_gradient = torch.zeros(value.shape, dtype=torch.float32, device=value.device)
    place_gradient = torch.empty(places.shape, dtype=places.dtype, device=places.device)
    weight_gradient = torch.empty(weights.shape, dtype=weights.dtype, device=weights.device)
    tensors = (gradient, value, places, weights)
    _launch(_backward, tensors, sizes, value_gradient, place_gradient, weight_gradient)
    return value_gradient.to(value.dtype), place_gradient, weight_gradient


@backward_operator.register_fake
def _gradients_of(_gradient: Tensor, *tensors: Any) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(tensor, memory_format=torch.contiguous_format) for tensor in tensors[:3])


def _remember(ctx: Any, inputs: tuple, output: Tensor) -> None:
    *tensors, ctx.sizes = inputs
    ctx.save_for_backward(*tensors)


def _differentiate(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    return *backward_operator(gradient, *ctx.saved_tensors, ctx.sizes), None


operator.register_autograd(_differentiate, setup_context=_remember)


def _launch(kernel: Any, tensors: tuple[Tensor, ...], sizes: list[int], *outputs: Tensor) -> None:
    """Runs a kernel for all images, queries and heads."""
    value, places = tensors[-3:-1]
    batch, cells, heads, channels = value.shape
    _, queries, _, _, scales, points = places.shape
    padded = triton.next_power_of_2(channels)
    at_once = min(_MOST_QUERIES, max(1, _TILE // padded))
    grid = (heads, triton.cdiv(queries, at_once), batch)
    with torch.cuda.device_of(value):
        kernel[grid](
            *(tensor.contiguous() for tensor in tensors),
            _extents(tuple(sizes), value.device),
            *outputs,
            cells,
            queries,
            HEADS=heads,
            SCALES=scales,
            POINTS=points,
            CHANNELS=channels,
            AT_ONCE=at_once,
            PADDED=padded,
        )


@cache  # without an end: a captured CUDA graph may read any of them again
def _extents(sizes: tuple[int, ...], device: torch.device) -> Tensor:
    """H, W and number of the first cell of each scale, int32 `(scales, 3)`."""
    with torch.inference_mode(False):
        extents = torch.tensor(sizes, dtype=torch.int32).view(-1, 2)
        cells = extents.prod(dim=1, keepdim=True, dtype=torch.int32)
        return torch.cat([extents, cells.cumsum(0, dtype=torch.int32) - cells], dim=1).to(device)


@triton.jit
def _place(places, point, height, width, there, HALF: tl.constexpr):
    """Column and row of V00, as floats from 0, with r and d."""
    x = tl.load(places + point, mask=there, other=0.0).to(tl.float32)
    y = tl.load(places + point + HALF, mask=there, other=0.0).to(tl.float32)
    # Further out there are zeros only. What is not a number passes these comparisons, as it should.
    x = tl.where(x < -1.0, -1.0, tl.where(x > width + 1, width + 1.0, x))
    y = tl.where(y < -1.0, -1.0, tl.where(y > height + 1, height + 1.0, y))
    left, top = tl.floor(x), tl.floor(y)
    return left - 1, top - 1, (x - left)[:, None], (y - top)[:, None]


@triton.jit
def _cells(values, row, column, height, width, there, channel, STRIDE: tl.constexpr, CHANNELS: tl.constexpr):
    """Addresses of a cell's channels for each query, and which of them exist."""
    inside = there & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    cell = tl.where(inside, row, 0.0).to(tl.int32) * width + tl.where(inside, column, 0.0).to(tl.int32)
    return values + cell[:, None] * STRIDE + channel[None, :], inside[:, None] & (channel < CHANNELS)[None, :]


@triton.jit(do_not_specialize=["cells", "queries"])
def _forward(
    value, places, weights, extents, output, cells, queries,
    HEADS: tl.constexpr, SCALES: tl.constexpr, POINTS: tl.constexpr, CHANNELS: tl.constexpr,
    AT_ONCE: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    head, image = tl.program_id(0), tl.program_id(2).to(tl.int64)
    query = tl.program_id(1) * AT_ONCE + tl.arange(0, AT_ONCE)
    there = query < queries
    channel = tl.arange(0, PADDED)
    PER_HEAD: tl.constexpr = SCALES * POINTS
    HALF: tl.constexpr = HEADS * PER_HEAD
    STRIDE: tl.constexpr = HEADS * CHANNELS
    value += image * cells * STRIDE + head * CHANNELS
    row_of = image * queries + query
    total = tl.zeros((AT_ONCE, PADDED), tl.float32)
    for scale in range(SCALES):
        height, width = tl.load(extents + 3 * scale), tl.load(extents + 3 * scale + 1)
        values = value + tl.load(extents + 3 * scale + 2) * STRIDE
        for index in range(POINTS):
            point = head * PER_HEAD + scale * POINTS + index
            weight = tl.load(weights + row_of * HALF + point, mask=there, other=0.0).to(tl.float32)[:, None]
            column, row, right, down = _place(places, row_of * (2 * HALF) + point, height, width, there, HALF)
            at, known = _cells(values, row, column, height, width, there, channel, STRIDE, CHANNELS)
            sample = (1 - down) * (1 - right) * tl.load(at, mask=known, other=0.0).to(tl.float32)
            at, known = _cells(values, row, column + 1, height, width, there, channel, STRIDE, CHANNELS)
            sample += (1 - down) * right * tl.load(at, mask=known, other=0.0).to(tl.float32)
            at, known = _cells(values, row + 1, column, height, width, there, channel, STRIDE, CHANNELS)
            sample += down * (1 - right) * tl.load(at, mask=known, other=0.0).to(tl.float32)
            at, known = _cells(values, row + 1, column + 1, height, width, there, channel, STRIDE, CHANNELS)
            sample += down * right * tl.load(at, mask=known, other=0.0).to(tl.float32)
            total += weight * sample
    outputs = output + row_of[:, None] * STRIDE + head * CHANNELS + channel[None, :]
    tl.store(outputs, total.to(output.dtype.element_ty), mask=there[:, None] & (channel < CHANNELS)[None, :])


@triton.jit(do_not_specialize=["cells", "queries"])
def _backward(
    gradient, value, places, weights, extents, value_gradient, place_gradient, weight_gradient, cells, queries,
    HEADS: tl.constexpr, SCALES: tl.constexpr, POINTS: tl.constexpr, CHANNELS: tl.constexpr,
    AT_ONCE: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    head, image = tl.program_id(0), tl.program_id(2).to(tl.int64)
    query = tl.program_id(1) * AT_ONCE + tl.arange(0, AT_ONCE)
    there = query < queries
    channel = tl.arange(0, PADDED)
    PER_HEAD: tl.constexpr = SCALES * POINTS
    HALF: tl.constexpr = HEADS * PER_HEAD
    STRIDE: tl.constexpr = HEADS * CHANNELS
    value += image * cells * STRIDE + head * CHANNELS
    value_gradient += image * cells * STRIDE + head * CHANNELS
    row_of = image * queries + query
    known = there[:, None] & (channel < CHANNELS)[None, :]
    g = tl.load(gradient + row_of[:, None] * STRIDE + head * CHANNELS + channel[None, :], mask=known, other=0.0)
    g = g.to(tl.float32)
    for scale in range(SCALES):
        height, width = tl.load(extents + 3 * scale), tl.load(extents + 3 * scale + 1)
        first = tl.load(extents + 3 * scale + 2) * STRIDE
        for index in range(POINTS):
            point = head * PER_HEAD + scale * POINTS + index
            weight = tl.load(weights + row_of * HALF + point, mask=there, other=0.0).to(tl.float32)
            column, row, r, d = _place(places, row_of * (2 * HALF) + point, height, width, there, HALF)
            at00, known00 = _cells(first, row, column, height, width, there, channel, STRIDE, CHANNELS)
            at01, known01 = _cells(first, row, column + 1, height, width, there, channel, STRIDE, CHANNELS)
            at10, known10 = _cells(first, row + 1, column, height, width, there, channel, STRIDE, CHANNELS)
            at11, known11 = _cells(first, row + 1, column + 1, height, width, there, channel, STRIDE, CHANNELS)
            v00 = tl.load(value + at00, mask=known00, other=0.0).to(tl.float32)
            v01 = tl.load(value + at01, mask=known01, other=0.0).to(tl.float32)
            v10 = tl.load(value + at10, mask=known10, other=0.0).to(tl.float32)
            v11 = tl.load(value + at11, mask=known11, other=0.0).to(tl.float32)
            upper, lower = (1 - r) * v00 + r * v01, (1 - r) * v10 + r * v11
            weight_step = tl.sum(g * ((1 - d) * upper + d * lower), axis=1)
            x_step = weight * tl.sum(g * ((1 - d) * (v01 - v00) + d * (v11 - v10)), axis=1)
            y_step = weight * tl.sum(g * (lower - upper), axis=1)
            place = place_gradient + row_of * (2 * HALF) + point
            tl.store(weight_gradient + row_of * HALF + point, weight_step, mask=there)
            tl.store(place, x_step, mask=there)
            tl.store(place + HALF, y_step, mask=there)
            step = weight[:, None] * g
            tl.atomic_add(value_gradient + at00, (1 - r) * (1 - d) * step, mask=known00, sem="relaxed")
            tl.atomic_add(value_gradient + at01, r * (1 - d) * step, mask=known01, sem="relaxed")
            tl.atomic_add(value_gradient + at10, (1 - r) * d * step, mask=known10, sem="relaxed")
            tl.atomic_add(value_gradient + at11, r * d * step, mask=known11, sem="relaxed")
