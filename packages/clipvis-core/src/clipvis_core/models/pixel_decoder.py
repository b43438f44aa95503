"""Mask2Former's pixel decoder: mmdet's modules, run without what never changes and never masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmdet.registry import MODELS
from torch import Tensor

from clipvis_core.models.deformable_attention import Size, deformable_self_attention


@MODELS.register_module()
class CLIPVISPixelDecoder(MSDeformAttnPixelDecoder):
    """mmdet's `MSDeformAttnPixelDecoder` with a faster forward; options, parameters and results are the same.

    Images have no padding mask in this network, so that tokens need no mask and all have the same reference points;
    and deformable attention takes its fast form on a CPU.
    """

    def forward(self, feats: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Mixes the scales and adds fine detail.

        Args:
            feats: res2..res5, `(B, C_i, H/s, W/s)`.

        Returns:
            Mask features `(B, C, H/4, W/4)` and the encoded scales `(B, C, H/s, W/s)`, coarsest first.
        """
        outs = self._encode(feats[::-1][: self.num_encoder_levels])
        fine = feats[: self.num_input_levels - self.num_encoder_levels][::-1]
        for feat, lateral, output in zip(fine, self.lateral_convs, self.output_convs, strict=True):
            coarse = F.interpolate(
                outs[-1], size=feat.shape[-2:], mode="bilinear", align_corners=False
            )
            outs.append(output(coarse + lateral(feat)))
        return self.mask_feature(outs[-1]), outs[: self.num_outs]

    def _encode(self, feats: list[Tensor]) -> list[Tensor]:
        """Deformable self-attention among the cells of all scales, coarsest first."""
        projected = [conv(feat) for conv, feat in zip(self.input_convs, feats, strict=True)]
        sizes = tuple(tuple(feat.shape[-2:]) for feat in projected)
        tokens = torch.cat([_to_tokens(feat) for feat in projected], dim=1)
        positions = torch.cat(
            [
                _to_tokens(self._sine(size, tokens)) + embedding
                for size, embedding in zip(sizes, self.level_encoding.weight, strict=True)
            ],
            dim=1,
        )
        for layer in self.encoder.layers:
            mixed = deformable_self_attention(layer.self_attn, tokens, tokens + positions, sizes)
            tokens = layer.norms[0](tokens + mixed)
            tokens = layer.norms[1](layer.ffn(tokens))
        scales = tokens.split([height * width for height, width in sizes], dim=1)
        return [
            scale.transpose(1, 2).unflatten(2, size)
            for scale, size in zip(scales, sizes, strict=True)
        ]

    def _sine(self, size: Size, like: Tensor) -> Tensor:
        """Position encoding `(1, C, H, W)`."""
        no_padding = torch.zeros((1, *size), dtype=torch.bool, device=like.device)
        return self.postional_encoding(no_padding).to(like.dtype)


def _to_tokens(feat: Tensor) -> Tensor:
    """`(B, C, H, W)` to `(B, HW, C)`."""
    return feat.flatten(2).transpose(1, 2)
