"""The query decoder's layer against mmdet's forward of it."""

from __future__ import annotations

import pytest
import torch
from mmdet.models.layers.transformer.mask2former_layers import Mask2FormerTransformerDecoderLayer

from clipvis_core.models.query_attention import decode_queries

HEADS = 4


@pytest.fixture(scope="module")
def layer():
    torch.manual_seed(0)
    attention = dict(embed_dims=32, num_heads=HEADS, dropout=0.0, batch_first=True)
    ffn = dict(embed_dims=32, feedforward_channels=64, ffn_drop=0.0)
    return Mask2FormerTransformerDecoderLayer(
        self_attn_cfg=dict(attention), cross_attn_cfg=dict(attention), ffn_cfg=ffn
    )


@pytest.mark.parametrize("cells", [1, 15, 600])
def test_same_as_mmdet_with_gradients(layer, cells):
    torch.manual_seed(cells)
    query, query_pos = torch.randn(2, 3, 7, 32)
    value, positions = torch.randn(2, 3, cells, 32)
    blocked = torch.rand(3, 7, cells) < 0.6
    blocked &= ~blocked.all(dim=-1, keepdim=True)

    def gradients(output: torch.Tensor) -> list[torch.Tensor]:
        layer.zero_grad()
        output.square().sum().backward()
        return [parameter.grad.clone() for parameter in layer.parameters()]

    ours = decode_queries(layer, query, query_pos, value + positions, value, blocked)
    stock = layer(
        query=query,
        key=value,
        value=value,
        query_pos=query_pos,
        key_pos=positions,
        cross_attn_mask=blocked.repeat_interleave(HEADS, dim=0),
    )
    torch.testing.assert_close(ours, stock, atol=1e-5, rtol=1e-5)
    for mine, theirs in zip(gradients(ours), gradients(stock), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_dropout_of_the_config_is_applied():
    attention = dict(embed_dims=16, num_heads=2, dropout=0.9, batch_first=True)
    layer = Mask2FormerTransformerDecoderLayer(
        self_attn_cfg=dict(attention),
        cross_attn_cfg=dict(attention),
        ffn_cfg=dict(embed_dims=16, feedforward_channels=32),
    )
    query = torch.randn(1, 4, 16)
    inputs = (layer, query, query, query, query, torch.zeros(1, 4, 4, dtype=torch.bool))
    assert not torch.equal(decode_queries(*inputs), decode_queries(*inputs))
    layer.eval()
    assert torch.equal(decode_queries(*inputs), decode_queries(*inputs))
