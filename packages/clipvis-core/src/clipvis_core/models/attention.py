"""Multi-head attention of the query decoder, in two forms with the same numbers but for rounding."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CLOSED = -1e30  # added to the logit of a cell that is not attended to


class Attention(nn.Module):
    """Multi-head attention; the published model has no dropout."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.zeros_(self.out_proj.bias)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, blocked: Tensor | None = None) -> Tensor:
        """What queries find.

        Args:
            queries: `(B, Q, C)`.
            keys: `(B, N, C)`.
            values: `(B, N, C)`.
            blocked: bool `(B, Q, N)`, cells a query may not attend to; at least one must be open.

        Returns:
            `(B, Q, C)`.
        """
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query = self._heads(F.linear(queries, weights[0], biases[0]))
        if blocked is not None and query.dtype == torch.bfloat16 and query.device.type == "cpu":
            found = self._by_products(query, keys, values, blocked)
        else:
            key, value = (
                self._heads(F.linear(tokens, weight, bias))
                for tokens, weight, bias in zip((keys, values), weights[1:], biases[1:], strict=True)
            )
            mask = None if blocked is None else ~blocked.unsqueeze(1)
            found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out_proj(found.transpose(1, 2).flatten(2))

    def _by_products(self, query: Tensor, keys: Tensor, values: Tensor, blocked: Tensor) -> Tensor:
        """Attention of `(B, heads, Q, C / heads)` written out, for many keys in bfloat16 on a CPU.

        There it takes half as long as the fused kernel, if keys and values come with their cells last: W x^T instead of
        x W^T. Their biases need no pass over the cells. That of the keys adds the same to all logits of a query, which
        the softmax takes away; that of the values is added once, since the weights of a query sum to 1.
        """
        _, key_weight, value_weight = self.in_proj_weight.chunk(3)
        key, value = (
            token_products(weight.expand(len(tokens), -1, -1), tokens).view(-1, query.shape[-1], tokens.shape[1])
            for weight, tokens in ((key_weight, keys), (value_weight, values))
        )  # (B * heads, C / heads, N)
        closed = blocked.to(query.dtype).mul_(_CLOSED).unsqueeze(1).expand(-1, self.num_heads, -1, -1)
        logits = torch.baddbmm(closed.flatten(0, 1), query.flatten(0, 1), key, alpha=query.shape[-1] ** -0.5)
        found = logits.softmax(dim=-1) @ value.transpose(1, 2)
        bias = self.in_proj_bias.chunk(3)[2].to(found.dtype).view(self.num_heads, 1, -1)
        return found.unflatten(0, (-1, self.num_heads)) + bias

    def _heads(self, tokens: Tensor) -> Tensor:
        """`(B, N, C)` as `(B, heads, N, C / heads)`."""
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


def token_products(rows: Tensor, tokens: Tensor) -> Tensor:
    """Rows `(B, M, C)` times tokens `(B, N, C)`, `(B, M, N)`, an image at a time.

    In bfloat16 on a CPU, PyTorch's batched product would copy the tokens first.
    """
    products = [matrix @ image.T for matrix, image in zip(rows, tokens, strict=True)]
    return products[0].unsqueeze(0) if len(products) == 1 else torch.stack(products)
