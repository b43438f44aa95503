"""Mask pooling against its plain form."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.modified_resnet import AttentionPool2d

from clipvis_core.models.encoder import average_pool_masks
from clipvis_core.models.visual_towers import attention_pool_masks, resize_positions

QUIET = settings(max_examples=25, deadline=None, derandomize=True)


def plain_attention_pool(pool: AttentionPool2d, dense: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """One full attention call a frame, each query a copy of the mean token, as CLIP's own pool would do it."""
    tokens = dense.flatten(2).permute(2, 0, 1)
    query = (tokens.mean(dim=0) + pool.positional_embedding[0]).expand(masks.shape[1], -1, -1)
    tokens = tokens + resize_positions(pool.positional_embedding[1:], *dense.shape[-2:])[:, None]
    blocked = ~masks.flatten(2).repeat_interleave(pool.num_heads, dim=0)
    output, _ = F.multi_head_attention_forward(
        query,
        tokens,
        tokens,
        tokens.shape[-1],
        pool.num_heads,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias,
        use_separate_proj_weight=True,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
        attn_mask=blocked,
        training=False,
        need_weights=False,
    )
    return output.transpose(0, 1)


@QUIET
@given(seed=st.integers(0, 2**16), height=st.integers(1, 6), width=st.integers(1, 6), queries=st.integers(1, 5))
@torch.no_grad()
def test_attention_pool(seed, height, width, queries):
    torch.manual_seed(seed)
    pool = AttentionPool2d(3, 32, 4, 12)
    dense = torch.randn(2, 32, height, width)
    masks = torch.rand(2, queries, height, width) > 0.6
    pooled = attention_pool_masks(pool, dense, masks)
    filled = masks.flatten(2).any(dim=-1)
    torch.testing.assert_close(pooled[filled], plain_attention_pool(pool, dense, masks)[filled], atol=1e-5, rtol=1e-4)
    assert not pooled[~filled].any()


@QUIET
@given(seed=st.integers(0, 2**16), height=st.integers(1, 6), width=st.integers(1, 6))
def test_average_pool(seed, height, width):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.randn((1, 7, height, width), generator=generator)
    masks = torch.rand((1, 3, height, width), generator=generator) > 0.5
    pooled = average_pool_masks(dense, masks)
    for query in range(3):
        inside = dense[0][:, masks[0, query]]
        expected = inside.mean(dim=1) if inside.numel() else torch.zeros(7)
        torch.testing.assert_close(pooled[0, query], expected, atol=1e-5, rtol=1e-5)
