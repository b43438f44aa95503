"""Mask2Former's query decoder with CLIP-VIS's three heads: objectness, mask, mask IoU.

Cheng et al., "Masked-attention mask transformer for universal image segmentation", CVPR 2022, section 3.2, and the
CLIP-VIS paper, "Class-agnostic mask generation"; docs/model.md, equations 2 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from clipvis_core.models.attention import Attention, token_products
from clipvis_core.models.layer_count import layer_range
from clipvis_core.models.positions import sine_positions

_NUM_SCALES = 3  # that the pixel decoder gives


@dataclass(frozen=True)
class QueryPrediction:
    """Predictions of the queries after one decoder layer; float32 in parity mode.

    Attributes:
        object_logits: `(B, Q, 2)`; 0 = object, 1 = nothing.
        ious: `(B, Q)` in [0, 1], the mask's predicted IoU with the object.
        mask_logits: `(B, Q, H/4, W/4)`.
        embeddings: `(B, Q, C)`, normed queries; the tracking embedding after the last layer.
    """

    object_logits: Tensor
    ious: Tensor
    mask_logits: Tensor
    embeddings: Tensor


@MODELS.register_module()
class CLIPVISQueryDecoder(BaseModule):
    """Learnable queries that look at the scales in turn, each inside its own mask.

    Args:
        channels: C, of scales, mask features and queries.
        num_heads: Heads of the attention.
        num_queries: Q.
        num_layers: L.
        ffn_channels: Width of the layers' feed-forward part.
    """

    def __init__(
        self,
        *,
        channels: int,
        num_heads: int,
        num_queries: int = 100,
        num_layers: int = 9,
        ffn_channels: int = 2048,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.layers = nn.ModuleList(
            MaskedAttentionLayer(channels, num_heads, ffn_channels) for _ in layer_range(num_layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.query_feat = nn.Embedding(num_queries, channels)
        self.query_embed = nn.Embedding(num_queries, channels)
        self.level_embed = nn.Embedding(_NUM_SCALES, channels)
        self.object_head = _mlp(channels, 2)
        self.mask_head = _mlp(channels, channels)
        self.iou_head = _mlp(channels, 1)
        self._run = type(self)._decode  # not bound, so that copies of the module run it as their own

    def init_weights(self) -> None:
        """Xavier-uniform matrices in the layers."""
        for parameter in self.layers.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def compile(self) -> None:
        """Has `torch.compile` fuse what follows from the features; positions stay cached outside."""
        self._run = torch.compile(type(self)._decode)

    def forward(self, mask_features: Tensor, scales: list[Tensor], all_layers: bool = False) -> list[QueryPrediction]:
        """Decodes the queries.

        Args:
            mask_features: `(B, C, H/4, W/4)`.
            scales: `(B, C, H/s, W/s)`; layer l looks at scale l modulo their number.
            all_layers: Also predict from the initial queries and after each layer but the last, as the
                losses need. Otherwise full-size masks are computed once, after the last layer.

        Returns:
            The last layer's prediction alone, or all L + 1 in order of depth.
        """
        return self._run(self, mask_features, scales, self._places(scales), all_layers)

    def _places(self, scales: list[Tensor]) -> tuple[Tensor, ...]:
        """Positions of the cells of each scale, `(1, HW, C)`."""
        sizes = tuple(tuple(scale.shape[-2:]) for scale in scales)
        dtype = torch.promote_types(scales[0].dtype, self.level_embed.weight.dtype)
        return sine_positions(sizes, scales[0].shape[1], dtype, scales[0].device)

    def _decode(
        self, mask_features: Tensor, scales: list[Tensor], places: tuple[Tensor, ...], all_layers: bool
    ) -> list[QueryPrediction]:
        keys, values = self._memory(scales, places)
        # Resizing is linear and so is the mask product: resize(E . F) = E . resize(F), with F resized once.
        resized = [
            F.interpolate(mask_features, size=scale.shape[-2:], mode="bilinear", align_corners=False)
            for scale in scales
        ]
        batch = len(mask_features)
        queries = self.query_feat.weight.expand(batch, -1, -1)
        positions = self.query_embed.weight.expand(batch, -1, -1)
        predictions = []
        for index, layer in enumerate(self.layers):
            normed = self.norm(queries)
            if all_layers:
                predictions.append(self.predict(normed, mask_features))
            scale = index % len(scales)
            blocked = self.blocked_cells(normed, resized[scale])
            queries = layer(queries, positions, keys[scale], values[scale], blocked)
        predictions.append(self.predict(self.norm(queries), mask_features))
        return predictions

    def _memory(self, scales: list[Tensor], places: tuple[Tensor, ...]) -> tuple[list[Tensor], list[Tensor]]:
        """What queries look at in each scale, `(B, HW, C)`: keys with positions `(1, HW, C)`, values without."""
        values = [
            scale.flatten(2).transpose(1, 2) + embedding
            for scale, embedding in zip(scales, self.level_embed.weight, strict=True)
        ]
        keys = [value + place for value, place in zip(values, places, strict=True)]
        dtype = scales[0].dtype  # that of the products, to which autocast would bring them in each layer
        return [key.to(dtype) for key in keys], [value.to(dtype) for value in values]

    @torch.no_grad()
    def blocked_cells(self, normed: Tensor, features: Tensor) -> Tensor:
        """Cells a query may not attend to: outside its mask so far (docs/model.md, equation 2).

        Args:
            normed: `(B, Q, C)`.
            features: Mask features at the scale of the keys, `(B, C, H, W)`.

        Returns:
            bool `(B, Q, HW)`; a mask without a cell blocks none.
        """
        inside = _mask_product(self.mask_head(normed), features).flatten(2).sigmoid()
        is_empty = inside.amax(dim=-1, keepdim=True) < 0.5
        return inside < 0.5 * (~is_empty).to(inside.dtype)  # of an empty mask nothing is below 0

    def predict(self, normed: Tensor, mask_features: Tensor) -> QueryPrediction:
        """The three heads on queries `(B, Q, C)` after the norm (docs/model.md, equations 3 to 5)."""
        return QueryPrediction(
            object_logits=self.object_head(normed),
            ious=self.iou_head(normed).sigmoid().squeeze(-1),
            mask_logits=_mask_product(self.mask_head(normed), mask_features),
            embeddings=normed,
        )


class MaskedAttentionLayer(nn.Module):
    """Cross-attention inside the masks, self-attention, a feed-forward part; norms after the sums.

    The arguments are those of `CLIPVISQueryDecoder`.
    """

    def __init__(self, channels: int, num_heads: int, ffn_channels: int) -> None:
        super().__init__()
        # In this order because an optimizer's saved state knows parameters by their number.
        self.self_attention = Attention(channels, num_heads)
        self.cross_attention = Attention(channels, num_heads)
        self.ffn = nn.Sequential(
            nn.Linear(channels, ffn_channels), nn.ReLU(inplace=True), nn.Linear(ffn_channels, channels)
        )
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.norm3 = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, positions: Tensor, keys: Tensor, values: Tensor, blocked: Tensor) -> Tensor:
        """One step of all queries.

        Args:
            queries: `(B, Q, C)`.
            positions: Position embedding of the queries, `(B, Q, C)`.
            keys: Features of one scale with their positions, `(B, HW, C)`.
            values: The features without positions, `(B, HW, C)`.
            blocked: bool `(B, Q, HW)`, cells a query may not attend to; at least one must be open.

        Returns:
            `(B, Q, C)`.
        """
        found = self.cross_attention(queries + positions, keys, values, blocked)
        queries = self.norm1(queries + found)
        placed = queries + positions
        queries = self.norm2(queries + self.self_attention(placed, placed, queries))
        return self.norm3(queries + self.ffn(queries))


def _mlp(channels: int, out_channels: int) -> nn.Sequential:
    """Three linear layers with ReLU between."""
    return nn.Sequential(
        nn.Linear(channels, channels),
        nn.ReLU(inplace=True),
        nn.Linear(channels, channels),
        nn.ReLU(inplace=True),
        nn.Linear(channels, out_channels),
    )


def _mask_product(embeddings: Tensor, features: Tensor) -> Tensor:
    """Masks `(B, Q, H, W)` from `(B, Q, C)` and `(B, C, H, W)`."""
    if features.dtype == torch.bfloat16 and features.device.type == "cpu":  # the product below takes ten times longer
        masks = token_products(embeddings, features.flatten(2).transpose(1, 2))
        return masks.unflatten(2, features.shape[-2:])
    return torch.einsum("bqc,bchw->bqhw", embeddings, features)
