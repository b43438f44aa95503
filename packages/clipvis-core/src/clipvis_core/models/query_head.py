"""Pixel decoder and masked-attention query decoder with objectness, mask and mask-IoU outputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmdet.models.layers import Mask2FormerTransformerDecoder
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from torch import Tensor, nn

from clipvis_core.models.deformable_attention import use_pytorch_form_without_kernel
from clipvis_core.models.positions import ScalePositions
from clipvis_core.models.query_attention import decode_queries


@dataclass(frozen=True)
class QueryPrediction:
    """What the queries say after one decoder layer; float32 in parity mode.

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
class CLIPVISHead(BaseModule):
    """CLIP features to class-agnostic masks (METHOD sections 3 and 4).

    Args:
        in_channels: Channels of res2..res5.
        pixel_decoder: Config of `CLIPVISPixelDecoder`.
        transformer_decoder: Config of mmdet's `Mask2FormerTransformerDecoder`; its `num_layers` is L.
        positional_encoding: Config of the decoder's position encoding.
        num_queries: Q.
        feat_channels: C, of all scales, queries and mask features.
    """

    def __init__(
        self,
        *,
        in_channels: list[int],
        pixel_decoder: ConfigDict,
        transformer_decoder: ConfigDict,
        positional_encoding: ConfigDict,
        num_queries: int = 100,
        feat_channels: int = 256,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        use_pytorch_form_without_kernel()
        self.pixel_decoder = MODELS.build(
            pixel_decoder,
            default_args=dict(in_channels=in_channels, feat_channels=feat_channels, out_channels=feat_channels),
        )
        self.transformer_decoder = Mask2FormerTransformerDecoder(**transformer_decoder)
        self.positional_encoding = MODELS.build(positional_encoding)
        self._positions = ScalePositions(self.positional_encoding)
        self.query_feat = nn.Embedding(num_queries, feat_channels)
        self.query_embed = nn.Embedding(num_queries, feat_channels)
        self.level_embed = nn.Embedding(self.pixel_decoder.num_outs, feat_channels)
        self.autocast_pixels = False  # see `Arithmetic`
        self.object_embed = _mlp(feat_channels, 2)
        self.mask_embed = _mlp(feat_channels, feat_channels)
        self.iou_embed = _mlp(feat_channels, 1)

    @property
    def num_layers(self) -> int:
        """L, the number of decoder layers."""
        return len(self.transformer_decoder.layers)

    def init_weights(self) -> None:
        """mmdet's initial pixel decoder; Xavier-uniform matrices in the query decoder."""
        self.pixel_decoder.init_weights()
        for parameter in self.transformer_decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, levels: tuple[Tensor, ...], all_layers: bool = False) -> list[QueryPrediction]:
        """Decodes features.

        Args:
            levels: res2..res5, `(B, C_i, H/s, W/s)`.
            all_layers: Also predict from the initial queries and after each layer but the last, as the
                losses need. Otherwise full-size masks are computed once, after the last layer.

        Returns:
            The last layer's prediction alone, or all L + 1 in order of depth.
        """
        mask_features, scales = self.decode_pixels(levels)
        keys, values = self._memory(scales)
        # Resizing is linear and so is the mask product: resize(E . F) = E . resize(F), with F resized once.
        attention_features = [_resize(mask_features, scale.shape[-2:]) for scale in scales]

        batch = len(mask_features)
        query = self.query_feat.weight.expand(batch, -1, -1)
        query_pos = self.query_embed.weight.expand(batch, -1, -1)
        predictions = []
        for index, layer in enumerate(self.transformer_decoder.layers):
            normed = self.transformer_decoder.post_norm(query)
            if all_layers:
                predictions.append(self._predict(normed, mask_features))
            level = index % len(scales)
            query = decode_queries(
                layer, query, query_pos, keys[level], values[level], self._blocked(normed, attention_features[level])
            )
        predictions.append(self._predict(self.transformer_decoder.post_norm(query), mask_features))
        return predictions

    def decode_pixels(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
        """Mask features `(B, C, H/4, W/4)` and the scales `(B, C, H/s, W/s)` at strides 32, 16, 8.

        Float32 also under autocast, like the published system, unless `autocast_pixels` is set.
        """
        if self.autocast_pixels:
            return self.pixel_decoder(list(levels))
        with torch.autocast(levels[0].device.type, enabled=False):
            return self.pixel_decoder([level.float() for level in levels])

    def _memory(self, scales: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """What queries look at in each scale, `(B, HW, C)`: keys with positions, values without."""
        values = [
            scale.flatten(2).transpose(1, 2) + embedding
            for scale, embedding in zip(scales, self.level_embed.weight, strict=True)
        ]
        sizes = tuple(tuple(scale.shape[-2:]) for scale in scales)
        positions = self._positions(sizes, values[0])
        return [value + place for value, place in zip(values, positions, strict=True)], values

    @torch.no_grad()
    def _blocked(self, normed: Tensor, features: Tensor) -> Tensor:
        """Cells a query may not attend to: outside its mask so far; a mask without a cell opens all.

        Args:
            normed: `(B, Q, C)`.
            features: Mask features at the scale of the keys, `(B, C, H, W)`.

        Returns:
            bool `(B, Q, HW)`.
        """
        mask_logits = _mask_product(self.mask_embed(normed), features).flatten(2)
        blocked = mask_logits.sigmoid() < 0.5
        return blocked & ~blocked.all(dim=-1, keepdim=True)

    def _predict(self, normed: Tensor, mask_features: Tensor) -> QueryPrediction:
        return QueryPrediction(
            object_logits=self.object_embed(normed),
            ious=self.iou_embed(normed).sigmoid().squeeze(-1),
            mask_logits=_mask_product(self.mask_embed(normed), mask_features),
            embeddings=normed,
        )


def _mlp(channels: int, out_channels: int) -> nn.Sequential:
    """Three linear layers with ReLU between."""
    return nn.Sequential(
        nn.Linear(channels, channels),
        nn.ReLU(inplace=True),
        nn.Linear(channels, channels),
        nn.ReLU(inplace=True),
        nn.Linear(channels, out_channels),
    )


def _resize(features: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=False)


def _mask_product(embeddings: Tensor, features: Tensor) -> Tensor:
    """Masks `(B, Q, H, W)` from `(B, Q, C)` and `(B, C, H, W)`."""
    if features.dtype == torch.bfloat16 and features.device.type == "cpu":
        # The product below takes ten times longer there, as does the copy it needs with channels last.
        tokens = features.flatten(2).transpose(1, 2)
        masks = (tokens @ embeddings.transpose(1, 2)).transpose(1, 2)
        return masks.unflatten(2, features.shape[-2:]).contiguous()
    return torch.einsum("bqc,bchw->bqhw", embeddings, features)
