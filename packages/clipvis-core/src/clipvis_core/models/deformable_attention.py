"""Multi-scale deformable attention as one operator in several forms (docs/model.md, equation 1).

Zhu et al., "Deformable DETR: deformable transformers for end-to-end object detection", ICLR 2021.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from functools import cache, lru_cache

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from clipvis_core.foundation.errors import first_line
from clipvis_core.models.embedding_bag_attention import embedding_bag_form
from clipvis_core.models.positions import Size


def deformable_attention(
    value: Tensor, sizes: tuple[Size, ...], places: Tensor, weights: Tensor, form: str | None = None
) -> Tensor:
    """Weighted sum, for each query and head, of the values at its points; bilinear between cells, zeros outside.

    Args:
        value: `(B, N, heads, C / heads)`, the cells of all scales, row by row, scale after scale. Its precision may be
            lower than that of the rest: `triton` then reads it as it is, the other forms convert it first.
        sizes: H and W of each scale.
        places: `(B, M, 2, heads, scales, points)`, x and then y of the points, in cells of the scale they lie in: the
            centre of the first cell is at 1, that of the last at W or H.
        weights: `(B, M, heads, scales, points)`.
        form: A name in `FORMS`; None takes `default_form`.

    Returns:
        `(B, M, C)`, the heads one after the other. All forms give the same but for rounding.
    """
    form = form or default_form(value)
    if form != "triton":
        value = value.to(places.dtype)
    return FORMS[form](value, sizes, places, weights)


def default_form(value: Tensor) -> str:
    """The fastest form for a value: by its device and by what is installed."""
    if value.device.type == "cpu":
        return "embedding_bag"
    if value.is_cuda and value.dtype in _TRITON_DTYPES and has_triton():
        return "triton"
    if value.is_cuda and not torch.compiler.is_compiling() and has_mmcv_kernel():
        return "mmcv"
    return "pytorch"


def pytorch_form(value: Tensor, sizes: tuple[Size, ...], places: Tensor, weights: Tensor) -> Tensor:
    """The plain form: each scale sampled by `grid_sample`. It runs everywhere, compiles and exports."""
    batch, _, heads, _ = value.shape
    pooled = 0
    scales = value.split([height * width for height, width in sizes], dim=1)
    for index, (scale, (height, width)) in enumerate(zip(scales, sizes, strict=True)):
        maps = scale.permute(0, 2, 3, 1).flatten(0, 1).unflatten(-1, (height, width))
        x, y = places[:, :, :, :, index].unbind(dim=2)  # (B, M, heads, points)
        # `grid_sample` counts from -1, the left edge of the first cell, to 1, the right edge of the last.
        grid = torch.stack(((2 * x - 1) / width - 1, (2 * y - 1) / height - 1), dim=-1)
        samples = F.grid_sample(maps, grid.transpose(1, 2).flatten(0, 1), align_corners=False)
        pooled = pooled + (samples * weights[:, :, :, index].transpose(1, 2).flatten(0, 1).unsqueeze(1)).sum(dim=-1)
    return pooled.unflatten(0, (batch, heads)).flatten(1, 2).transpose(1, 2)


def triton_form(value: Tensor, sizes: tuple[Size, ...], places: Tensor, weights: Tensor) -> Tensor:
    """Two Triton kernels; see `triton_attention`, which is imported at first use."""
    from clipvis_core.models.triton_attention import triton_form

    return triton_form(value, sizes, places, weights)


def mmcv_form(value: Tensor, sizes: tuple[Size, ...], places: Tensor, weights: Tensor) -> Tensor:
    """mmcv's CUDA kernel, float32 or float64."""
    from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

    shapes, starts = _shapes_and_starts(sizes, value.device)
    # The kernel counts from 0, the left edge of the first cell, to 1, the right edge of the last.
    places = (places.movedim(2, -1) - 0.5) / shapes.flip(-1)[:, None]
    images_at_once = 64
    return MultiScaleDeformableAttnFunction.apply(
        value.contiguous(), shapes, starts, places.contiguous(), weights.contiguous(), images_at_once
    )


@torch.compiler.assume_constant_result
def has_triton() -> bool:
    """Whether Triton can be used here: it must be installed, and find a C compiler for what starts its kernels."""
    return _triton_works()


@cache
def _triton_works() -> bool:
    if importlib.util.find_spec("triton") is None or not hasattr(torch.library, "custom_op"):
        return False
    if torch.cuda.is_available():
        try:
            place, weight = torch.ones((1, 1, 2, 1, 1, 1), device="cuda"), torch.ones((1, 1, 1, 1, 1), device="cuda")
            triton_form(torch.ones((1, 1, 1, 1), device="cuda"), ((1, 1),), place, weight)
        except Exception as error:  # whatever it is that Triton, a compiler or the driver raise
            print_log(f"Triton cannot be used here ({first_line(error)})", logger="current", level=logging.WARNING)
            return False
    return True


@cache
def has_mmcv_kernel() -> bool:
    """Whether this mmcv was compiled with its CUDA operators."""
    try:
        from mmcv.ops import get_compiling_cuda_version
    except ImportError:
        return False
    return get_compiling_cuda_version() != "not available"


@lru_cache(maxsize=4)
def _shapes_and_starts(sizes: tuple[Size, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """H and W of each scale, and its first cell, int64."""
    with torch.inference_mode(False):
        shapes = torch.tensor(sizes)
        cells = shapes.prod(dim=1)
        return shapes.to(device), (cells.cumsum(0) - cells).to(device)


#: What `form` may be. Another one takes the same four arguments.
FORMS: dict[str, Callable[..., Tensor]] = {
    "embedding_bag": embedding_bag_form,
    "mmcv": mmcv_form,
    "pytorch": pytorch_form,
    "triton": triton_form,
}
_TRITON_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
