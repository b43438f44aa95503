"""One layer of Mask2Former's query decoder, its attention by PyTorch's fused kernels.

The layer is mmdet's and holds the parameters. mmcv's attention computes the attention weights only to throw them
away, and takes one mask a head; `scaled_dot_product_attention` needs neither.
"""

from __future__ import annotations

import torch.nn.functional as F
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmdet.models.layers.transformer.mask2former_layers import Mask2FormerTransformerDecoderLayer
from torch import Tensor


def decode_queries(
    layer: Mask2FormerTransformerDecoderLayer,
    query: Tensor,
    query_pos: Tensor,
    key: Tensor,
    value: Tensor,
    blocked: Tensor,
) -> Tensor:
    """Cross-attention inside the masks, self-attention, feed-forward.

    Args:
        layer: mmdet's layer, whose parameters are used; `batch_first`.
        query: `(B, Q, C)`.
        query_pos: Position embedding of the queries, `(B, Q, C)`.
        key: Features of one scale with their positions, `(B, HW, C)`.
        value: The features without positions, `(B, HW, C)`.
        blocked: bool `(B, Q, HW)`, cells a query may not attend to; at least one must be open.

    Returns:
        `(B, Q, C)`.
    """
    cross = _attend(layer.cross_attn, query + query_pos, key, value, ~blocked.unsqueeze(1))
    query = layer.norms[0](query + cross)
    placed = query + query_pos
    query = layer.norms[1](query + _attend(layer.self_attn, placed, placed, query))
    return layer.norms[2](layer.ffn(query))


def _attend(
    attention: MultiheadAttention, query: Tensor, key: Tensor, value: Tensor, open_: Tensor | None = None
) -> Tensor:
    """What `attention` adds to its query; a query looks where `open_`, bool `(B, 1, Q, HW)`, is true."""
    weights = attention.attn
    projected = (
        _heads(F.linear(tokens, matrix, bias), weights.num_heads)
        for tokens, matrix, bias in zip(
            (query, key, value), weights.in_proj_weight.chunk(3), weights.in_proj_bias.chunk(3), strict=True
        )
    )
    dropout = weights.dropout if weights.training else 0.0
    mixed = F.scaled_dot_product_attention(*projected, attn_mask=open_, dropout_p=dropout)
    mixed = weights.out_proj(mixed.transpose(1, 2).flatten(2))
    return attention.dropout_layer(attention.proj_drop(mixed))


def _heads(tokens: Tensor, num_heads: int) -> Tensor:
    """`(B, N, C)` to `(B, heads, N, C / heads)`."""
    return tokens.unflatten(-1, (num_heads, -1)).transpose(1, 2)
