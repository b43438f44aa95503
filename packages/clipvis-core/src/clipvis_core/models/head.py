"""From an encoder's features to class-agnostic masks: pixel decoder, then query decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from torch import Tensor

from clipvis_core.models.cast_weights import CastWeights
from clipvis_core.models.query_decoder import QueryPrediction


@MODELS.register_module()
class CLIPVISHead(BaseModule):
    """The trained part of CLIP-VIS.

    Args:
        in_channels: Channels of res2..res5; the model passes those of its encoder.
        channels: C, of all scales, queries and mask features.
        num_heads: Heads of all attention.
        pixel_decoder: Config of `CLIPVISPixelDecoder`.
        query_decoder: Config of `CLIPVISQueryDecoder`.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        channels: int,
        num_heads: int,
        pixel_decoder: ConfigDict,
        query_decoder: ConfigDict,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        shared = dict(channels=channels, num_heads=num_heads)
        self.pixel_decoder = MODELS.build(pixel_decoder, default_args=dict(in_channels=in_channels, **shared))
        self.query_decoder = MODELS.build(query_decoder, default_args=shared)
        self._low_precision: tuple[CastWeights, CastWeights] | None = None

    @property
    def num_layers(self) -> int:
        """L, the number of query decoder layers."""
        return len(self.query_decoder.layers)

    def follow_autocast(self, follow: bool) -> None:
        """Whether both decoders run in autocast's precision, as `Arithmetic` has it, with matrices kept in it.

        Else the pixel decoder stays in float32 under autocast, like the published system.
        """
        decoders = (self.pixel_decoder, self.query_decoder)
        self._low_precision = tuple(CastWeights(decoder) for decoder in decoders) if follow else None

    @property
    def follows_autocast(self) -> bool:
        """See `follow_autocast`."""
        return self._low_precision is not None

    def forward(self, levels: tuple[Tensor, ...], all_layers: bool = False) -> list[QueryPrediction]:
        """Decodes res2..res5, `(B, C_i, H/s, W/s)`; see `CLIPVISQueryDecoder.forward`."""
        decode_queries = self._low_precision[1] if self._low_precision else self.query_decoder
        return decode_queries(*self.decode_pixels(levels), all_layers)

    def decode_pixels(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
        """Mask features `(B, C, H/4, W/4)` and the scales `(B, C, H/s, W/s)` at strides 32, 16, 8."""
        if self._low_precision:
            return self._low_precision[0](levels)
        with torch.autocast(levels[0].device.type, enabled=False):
            return self.pixel_decoder([level.float() for level in levels])
