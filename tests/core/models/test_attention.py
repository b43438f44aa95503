"""The query decoder's attention and its masks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from clipvis_core.models.attention import Attention, token_products

QUERIES, CHANNELS, HEADS = 7, 32, 4


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    layer = Attention(CHANNELS, HEADS)
    torch.nn.init.normal_(layer.in_proj_bias)  # else the biases that the products leave out would be 0
    torch.nn.init.normal_(layer.out_proj.bias)
    return layer


def some_input(batch: int, cells: int) -> tuple[torch.Tensor, ...]:
    """Queries, keys, values, and blocked cells of which each query has an open one."""
    blocked = torch.rand(batch, QUERIES, cells) < 0.6
    blocked[:, :, cells // 2] = False
    tokens = (torch.randn(batch, number, CHANNELS) for number in (QUERIES, cells, cells))
    return *tokens, blocked


def errors(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found.double() - exact).abs().mean())


@pytest.mark.parametrize(("batch", "cells"), [(1, 1), (1, 300), (3, 40)])
def test_products_in_bfloat16_are_as_near_as_the_fused_kernel(attention, batch, cells):
    torch.manual_seed(cells)
    queries, keys, values, blocked = some_input(batch, cells)
    exact = Attention(CHANNELS, HEADS).double()
    exact.load_state_dict(attention.state_dict())
    expected = exact(queries.double(), keys.double(), values.double(), blocked)
    with torch.autocast("cpu", torch.bfloat16):
        found = attention(queries, keys, values, blocked)
    attention.bfloat16()
    parameters = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    projections = zip((queries, keys, values), *parameters, strict=True)
    heads = (attention._heads(F.linear(tokens.bfloat16(), *how)) for tokens, *how in projections)
    fused = F.scaled_dot_product_attention(*heads, attn_mask=~blocked.unsqueeze(1)).transpose(1, 2).flatten(2)
    assert found.dtype == torch.bfloat16
    assert errors(found, expected) < 0.01
    assert errors(found, expected) < 1.5 * errors(attention.out_proj(fused), expected)


def test_products_in_bfloat16_have_gradients(attention):
    queries, keys, values, blocked = some_input(2, 40)
    tokens = [tensor.requires_grad_() for tensor in (queries, keys, values)]
    learnt = [*tokens, *attention.parameters()]
    exact = torch.autograd.grad(attention(*tokens, blocked).square().sum(), learnt)
    with torch.autocast("cpu", torch.bfloat16):
        loss = attention(*tokens, blocked).float().square().sum()
    for found, expected in zip(torch.autograd.grad(loss, learnt), exact, strict=True):
        assert (found - expected).std() < 0.05 * expected.std()


def test_products_of_each_image():
    rows, tokens = torch.randn(3, 5, 8), torch.randn(3, 11, 8)
    for number in (1, 3):
        expected = torch.einsum("bmc,bnc->bmn", rows[:number], tokens[:number])
        torch.testing.assert_close(token_products(rows[:number], tokens[:number]), expected)
