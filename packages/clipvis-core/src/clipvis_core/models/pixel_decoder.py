"""Mask2Former's pixel decoder: mmdet's modules, run without what never changes and never masks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmdet.registry import MODELS
from torch import Tensor

from clipvis_core.models.deformable_attention import MmcvGrid, SamplingGrid, deformable_self_attention, grid_for
from clipvis_core.models.positions import ScalePositions


@MODELS.register_module()
class CLIPVISPixelDecoder(MSDeformAttnPixelDecoder):
    """mmdet's `MSDeformAttnPixelDecoder` with a faster forward; options, parameters and results are the same.

    Images have no padding mask in this network, so that tokens need no mask and all have the same reference points;
    and deformable attention takes its fast form on a CPU.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._positions = ScalePositions(self.postional_encoding)
        self._run = self._decode

    def compile(self) -> None:
        """Has `torch.compile` fuse what follows from the features; grids and positions stay cached outside."""
        self._run = torch.compile(self._decode)

    def forward(self, feats: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Mixes the scales and adds fine detail.

        Args:
            feats: res2..res5, `(B, C_i, H/s, W/s)`.

        Returns:
            Mask features `(B, C, H/4, W/4)` and the encoded scales `(B, C, H/s, W/s)`, coarsest first.
        """
        coarsest = feats[-1]
        sizes = tuple(tuple(feat.shape[-2:]) for feat in feats[::-1][: self.num_encoder_levels])
        grid = grid_for(self.encoder.layers[0].self_attn, sizes, coarsest)
        return self._run(feats, self._positions(sizes, coarsest), grid)

    def _decode(
        self, feats: list[Tensor], positions: list[Tensor], grid: SamplingGrid | MmcvGrid
    ) -> tuple[Tensor, list[Tensor]]:
        outs = self._encode(feats[::-1][: self.num_encoder_levels], positions, grid)
        fine = feats[: self.num_input_levels - self.num_encoder_levels][::-1]
        for feat, lateral, output in zip(fine, self.lateral_convs, self.output_convs, strict=True):
            # Not `contiguous`: a view of the tokens may pass for it and be interpolated the slow way.
            coarse = outs[-1].clone(memory_format=_layout(feat))
            with torch.autocast(coarse.device.type, enabled=False):  # it would make float32 of it
                coarse = F.interpolate(coarse, size=feat.shape[-2:], mode="bilinear", align_corners=False)
            outs.append(output(lateral(feat) + coarse))
        return self.mask_feature(outs[-1]), outs[: self.num_outs]

    def _encode(self, feats: list[Tensor], positions: list[Tensor], grid: SamplingGrid | MmcvGrid) -> list[Tensor]:
        """Deformable self-attention among the cells of all scales, coarsest first."""
        tokens = torch.cat([_to_tokens(conv(feat)) for conv, feat in zip(self.input_convs, feats, strict=True)], dim=1)
        places = torch.cat(
            [position + embedding for position, embedding in zip(positions, self.level_encoding.weight, strict=True)],
            dim=1,
        ).to(tokens.dtype)
        for layer in self.encoder.layers:
            mixed = deformable_self_attention(layer.self_attn, tokens, tokens + places, grid)
            tokens = layer.norms[0](tokens + mixed)
            tokens = layer.norms[1](layer.ffn(tokens))
        scales = tokens.split([height * width for height, width in grid.sizes], dim=1)
        return [scale.transpose(1, 2).unflatten(2, size) for scale, size in zip(scales, grid.sizes, strict=True)]


def _to_tokens(feat: Tensor) -> Tensor:
    """`(B, C, H, W)` to `(B, HW, C)`."""
    return feat.flatten(2).transpose(1, 2)


def _layout(feat: Tensor) -> torch.memory_format:
    """Channels last if `feat` is so: convolutions then copy nothing."""
    channels_last = feat.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
