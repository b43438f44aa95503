"""Deformable attention: which form is taken, and the fast form against mmcv's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.ops import MultiScaleDeformableAttention, multi_scale_deform_attn

from clipvis_core.models import deformable_attention
from clipvis_core.models.deformable_attention import deformable_self_attention, grid_for, mmcv_grid, sampling_grid

sides = st.integers(1, 7)
sizes = st.lists(st.tuples(sides, sides), min_size=1, max_size=3).map(tuple)


@pytest.mark.parametrize(("compiled_with", "kernel"), [("not available", False), ("13.0", True)])
def test_kernel_only_where_it_was_compiled(monkeypatch, compiled_with, kernel):
    monkeypatch.setattr(multi_scale_deform_attn, "IS_CUDA_AVAILABLE", True)
    monkeypatch.setattr(deformable_attention, "get_compiling_cuda_version", lambda: compiled_with)
    deformable_attention.use_pytorch_form_without_kernel()
    assert multi_scale_deform_attn.IS_CUDA_AVAILABLE is kernel


def random_attention(
    num_levels: int, num_heads: int, num_points: int, reach: float, dtype: torch.dtype
) -> MultiScaleDeformableAttention:
    """Attention of 8 channels a head whose points lie up to a few times `reach` cells away."""
    attention = MultiScaleDeformableAttention(
        8 * num_heads, num_heads, num_levels, num_points, dropout=0.0, batch_first=True
    ).to(dtype)
    for linear in (attention.sampling_offsets, attention.attention_weights):
        torch.nn.init.normal_(linear.weight, std=0.3)
    torch.nn.init.normal_(attention.sampling_offsets.bias, std=reach)
    torch.nn.init.normal_(attention.value_proj.bias)
    return attention


def mmcv_self_attention(attention, tokens, query, sizes) -> torch.Tensor:
    """mmcv's module as mmdet calls it."""
    shapes = torch.tensor(sizes)
    centres = [
        torch.stack([(x + 0.5) / width, (y + 0.5) / height])
        for height, width in sizes
        for y in torch.arange(height, dtype=tokens.dtype)
        for x in torch.arange(width, dtype=tokens.dtype)
    ]
    return attention(
        query=query,
        value=tokens,
        identity=torch.zeros_like(tokens),
        reference_points=torch.stack(centres)[None, :, None].repeat(1, 1, len(sizes), 1),
        spatial_shapes=shapes,
        level_start_index=shapes.prod(dim=1).cumsum(0) - shapes.prod(dim=1),
    )


def on_this_device(attention, tokens, query, sizes) -> torch.Tensor:
    return deformable_self_attention(attention, tokens, query, grid_for(attention, sizes, tokens))


def on_another_device(attention, tokens, query, sizes) -> torch.Tensor:
    """What a GPU is given."""
    grid = mmcv_grid(sizes, tokens.dtype, tokens.device)
    return deformable_self_attention(attention, tokens, query, grid)


def outputs_and_gradients(form, attention, tokens, query, sizes) -> dict[str, torch.Tensor]:
    tokens, query = (tensor.clone().requires_grad_() for tensor in (tokens, query))
    attention.zero_grad()
    output = form(attention, tokens, query, sizes)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape)
    (output * weights).sum().backward()
    gradients = {name: parameter.grad.clone() for name, parameter in attention.named_parameters()}
    return {"output": output.detach(), "tokens": tokens.grad, "query": query.grad, **gradients}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    sizes=sizes,
    batch=st.integers(1, 2),
    num_heads=st.sampled_from([1, 3]),
    num_points=st.sampled_from([1, 4]),
    reach=st.sampled_from([0.3, 2.0, 9.0]),
    seed=st.integers(0, 99),
)
def test_same_as_mmcv_with_gradients(sizes, batch, num_heads, num_points, reach, seed):
    torch.manual_seed(seed)
    attention = random_attention(len(sizes), num_heads, num_points, reach, torch.float64)
    count = sum(height * width for height, width in sizes)
    tokens, query = torch.randn(2, batch, count, 8 * num_heads, dtype=torch.float64)
    plain, fast, other = (
        outputs_and_gradients(form, attention, tokens, query, sizes)
        for form in (mmcv_self_attention, on_this_device, on_another_device)
    )
    for name, expected in plain.items():
        torch.testing.assert_close(fast[name], expected, atol=1e-9, rtol=1e-9, msg=name)
        torch.testing.assert_close(other[name], expected, atol=1e-9, rtol=1e-9, msg=name)


@torch.no_grad()
def test_points_on_the_border_and_far_outside():
    """Whole and half cells, where rounding picks the cell, and distances no image has."""
    sizes = ((3, 4), (5, 2))
    attention = random_attention(len(sizes), 2, 4, 0.0, torch.float32)
    attention.sampling_offsets.weight.zero_()
    attention.sampling_offsets.bias.copy_(torch.tensor([-1e6, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1e6]).repeat(4))
    tokens, query = torch.randn(2, 1, 22, 16)
    torch.testing.assert_close(
        on_this_device(attention, tokens, query, sizes),
        mmcv_self_attention(attention, tokens, query, sizes),
        atol=1e-5,
        rtol=1e-5,
    )


def test_published_sizes_in_float32():
    sizes = ((12, 20), (24, 40), (48, 80))
    torch.manual_seed(0)
    attention = random_attention(3, 8, 4, 2.0, torch.float32)
    tokens, query = torch.randn(2, 1, 5040, 64)
    fast, plain = (
        outputs_and_gradients(form, attention, tokens, query, sizes) for form in (on_this_device, mmcv_self_attention)
    )
    torch.testing.assert_close(fast["output"], plain["output"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(fast["tokens"], plain["tokens"], atol=2e-3, rtol=1e-3)


def test_grid_made_while_inferring_serves_training():
    sampling_grid.cache_clear()
    attention = random_attention(1, 1, 2, 1.0, torch.float32)
    tokens = torch.randn(1, 6, 8)
    with torch.inference_mode():
        on_this_device(attention, tokens, tokens, ((2, 3),))
    on_this_device(attention, tokens, tokens, ((2, 3),)).sum().backward()
    assert attention.sampling_offsets.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_not_a_number_is_handed_on():
    """So that a run that diverges ends at its loss, not in an index."""
    attention = random_attention(1, 1, 2, 1.0, torch.float32)
    tokens = torch.randn(1, 6, 8)
    tokens[0, 2] = torch.nan
    output = on_this_device(attention, tokens, tokens, ((2, 3),))
    assert output[0, 2].isnan().all()
