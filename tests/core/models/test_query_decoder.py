"""The query decoder's layer against mmdet's, and the cells that masks block."""

from __future__ import annotations

import pytest
import torch
from mmdet.models.layers.transformer.mask2former_layers import Mask2FormerTransformerDecoderLayer

from clipvis_core.checkpoints import to_current
from clipvis_core.models.query_decoder import CLIPVISQueryDecoder, MaskedAttentionLayer

HEADS = 4
EARLIER, OURS = "head.transformer_decoder.layers.0.", "head.query_decoder.layers.0."


def our_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = to_current({EARLIER + name: tensor for name, tensor in tensors.items()})
    return {name.removeprefix(OURS): tensor for name, tensor in renamed.items()}


@pytest.fixture(scope="module")
def layers():
    """mmdet's and ours with the same weights."""
    torch.manual_seed(0)
    attention = dict(embed_dims=32, num_heads=HEADS, dropout=0.0, batch_first=True)
    ffn = dict(embed_dims=32, feedforward_channels=64, ffn_drop=0.0)
    stock = Mask2FormerTransformerDecoderLayer(
        self_attn_cfg=dict(attention), cross_attn_cfg=dict(attention), ffn_cfg=ffn
    )
    ours = MaskedAttentionLayer(32, HEADS, 64)
    ours.load_state_dict(our_names(stock.state_dict()))
    return stock, ours


def gradients(layer: torch.nn.Module, output: torch.Tensor) -> dict[str, torch.Tensor]:
    layer.zero_grad()
    output.square().sum().backward()
    return {name: parameter.grad.clone() for name, parameter in layer.named_parameters()}


@pytest.mark.parametrize("cells", [1, 15, 600])
def test_same_as_mmdet_with_gradients(layers, cells):
    torch.manual_seed(cells)
    stock, ours = layers
    queries, positions = torch.randn(2, 3, 7, 32)
    values, places = torch.randn(2, 3, cells, 32)
    blocked = torch.rand(3, 7, cells) < 0.6
    blocked &= ~blocked.all(dim=-1, keepdim=True)

    output = ours(queries, positions, values + places, values, blocked)
    expected = stock(
        query=queries,
        key=values,
        value=values,
        query_pos=positions,
        key_pos=places,
        cross_attn_mask=blocked.repeat_interleave(HEADS, dim=0),
    )
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)
    mine, theirs = gradients(ours, output), our_names(gradients(stock, expected))
    assert mine.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(mine[name], gradient, atol=1e-4, rtol=1e-3, msg=name)


def test_cells_outside_a_mask_are_blocked_and_an_empty_mask_blocks_none():
    decoder = CLIPVISQueryDecoder(channels=4, num_heads=1, num_queries=5, num_layers=1)
    decoder.mask_head = torch.nn.Identity()  # so that the logits are the features below
    logits = torch.tensor([[2.0, -1.0, 0.0], [-1.0, -1e-3, -3.0], [-1.0, 0.0, -2.0], [1.0, 2.0, 3.0]])
    blocked = decoder.blocked_cells(torch.eye(4)[None], logits.view(1, 4, 1, 3))
    assert blocked.tolist() == [
        [[False, True, False], [False, False, False], [True, False, True], [False, False, False]]
    ]
