"""Mask2Former's pixel decoder: deformable attention among three scales, then a step up to stride 4.

Cheng et al., "Masked-attention mask transformer for universal image segmentation", CVPR 2022, section 3.2.1, as the
CLIP-VIS paper uses it; docs/model.md, "Pixel decoder".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.model import BaseModule, caffe2_xavier_init, xavier_init
from torch import Tensor, nn

from clipvis_core.models.deformable_attention import deformable_attention
from clipvis_core.models.layer_count import layer_range
from clipvis_core.models.positions import Size, sine_positions

_NUM_SCALES = 3


@MODELS.register_module()
class CLIPVISPixelDecoder(BaseModule):
    """Encoder features to mask features and three scales of features.

    Args:
        in_channels: Channels of res2..res5.
        channels: C, of all that comes out.
        num_heads: Heads of the deformable attention.
        num_layers: Layers of deformable attention.
        num_points: Points a head samples in each scale.
        ffn_channels: Width of the layers' feed-forward part.
        norm_groups: Groups of the group norms.
        attention_form: A form of `deformable_attention`; None takes the fastest one of the device.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        channels: int,
        num_heads: int,
        num_layers: int = 6,
        num_points: int = 4,
        ffn_channels: int = 1024,
        norm_groups: int = 32,
        attention_form: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.channels = channels
        self.num_heads = num_heads
        self.num_points = num_points
        norm = dict(type="GN", num_groups=norm_groups)
        fine, *coarse = in_channels
        self.input_convs = nn.ModuleList(
            ConvModule(width, channels, 1, norm_cfg=norm, act_cfg=None, bias=True) for width in reversed(coarse)
        )
        self.layers = nn.ModuleList(
            PixelDecoderLayer(channels, num_heads, num_points, ffn_channels, attention_form)
            for _ in layer_range(num_layers)
        )
        self.level_embed = nn.Embedding(_NUM_SCALES, channels)
        self.lateral_conv = ConvModule(fine, channels, 1, norm_cfg=norm, act_cfg=None, bias=False)
        self.output_conv = ConvModule(channels, channels, 3, padding=1, norm_cfg=norm, bias=False)
        self.mask_feature = nn.Conv2d(channels, channels, 1)
        self._run = type(self)._decode  # not bound, so that copies of the module run it as their own

    def init_weights(self) -> None:
        """Mask2Former's initial weights."""
        for conv in self.input_convs:
            xavier_init(conv.conv, distribution="uniform")
        for conv in (self.lateral_conv.conv, self.output_conv.conv, self.mask_feature):
            caffe2_xavier_init(conv)
        nn.init.normal_(self.level_embed.weight)
        for parameter in self.layers.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)
        for layer in self.layers:
            layer.attention.reset_parameters()

    def compile(self) -> None:
        """Has `torch.compile` fuse what follows from the features; positions and centres stay cached outside."""
        self._run = torch.compile(type(self)._decode)

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Mixes the scales and adds fine detail.

        Args:
            levels: res2..res5, `(B, C_i, H/s, W/s)`. Images have no padding mask in this network.

        Returns:
            Mask features `(B, C, H/4, W/4)` and the scales `(B, C, H/s, W/s)` at strides 32, 16 and 8.
        """
        fine, *coarse = levels
        coarse.reverse()
        sizes = tuple(tuple(level.shape[-2:]) for level in coarse)
        dtype, device = fine.dtype, fine.device
        positions = sine_positions(sizes, self.channels, dtype, device)
        # Places are computed in float32 at least.
        dtype = torch.promote_types(dtype, torch.float32)
        centres = cell_centres(sizes, self.num_heads, self.num_points, dtype, device)
        return self._run(self, fine, coarse, sizes, positions, centres)

    def _decode(
        self,
        fine: Tensor,
        coarse: list[Tensor],
        sizes: tuple[Size, ...],
        positions: tuple[Tensor, ...],
        centres: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        projected = [conv(level) for conv, level in zip(self.input_convs, coarse, strict=True)]
        tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in projected], dim=1)
        placed = [place + embedding for place, embedding in zip(positions, self.level_embed.weight, strict=True)]
        places = torch.cat(placed, dim=1).to(tokens.dtype)
        for layer in self.layers:
            tokens = layer(tokens, places, sizes, centres)
        parts = tokens.split([height * width for height, width in sizes], dim=1)
        scales = [part.transpose(1, 2).unflatten(2, size) for part, size in zip(parts, sizes, strict=True)]
        detail = self.output_conv(self.lateral_conv(fine) + _enlarge(scales[-1], fine))
        return self.mask_feature(detail), scales


class PixelDecoderLayer(nn.Module):
    """Deformable self-attention among the cells of all scales, then a feed-forward part; norms after the sums.

    The arguments are those of `CLIPVISPixelDecoder`.
    """

    def __init__(
        self, channels: int, num_heads: int, num_points: int, ffn_channels: int, attention_form: str | None = None
    ) -> None:
        super().__init__()
        self.attention = DeformableSelfAttention(channels, num_heads, num_points, attention_form)
        self.norm1 = nn.LayerNorm(channels)
        self.ffn = nn.Sequential(
            nn.Linear(channels, ffn_channels), nn.ReLU(inplace=True), nn.Linear(ffn_channels, channels)
        )
        self.norm2 = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor, positions: Tensor, sizes: tuple[Size, ...], centres: Tensor) -> Tensor:
        """Tokens `(B, N, C)` to tokens; see `DeformableSelfAttention.forward`."""
        tokens = self.norm1(tokens + self.attention(tokens, tokens + positions, sizes, centres))
        return self.norm2(tokens + self.ffn(tokens))


class DeformableSelfAttention(nn.Module):
    """Each cell looks at a few points around its own place in every scale (docs/model.md, equation 1).

    Args:
        channels: C.
        num_heads: Heads, which divide C.
        num_points: Points a head samples in each scale.
        form: See `deformable_attention`.
    """

    def __init__(self, channels: int, num_heads: int, num_points: int, form: str | None = None) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f"{channels} channels cannot be shared by {num_heads} heads")
        self.parts = (num_heads, _NUM_SCALES, num_points)
        self.form = form
        count = math.prod(self.parts)
        self.sampling_offsets = nn.Linear(channels, 2 * count)
        self.attention_weights = nn.Linear(channels, count)
        self.value_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Head h looks in direction 2 pi h / heads, its p-th point p cells away; all points weigh the same."""
        num_heads, num_scales, num_points = self.parts
        nn.init.zeros_(self.sampling_offsets.weight)
        angles = torch.arange(num_heads, dtype=torch.float32) * (2.0 * math.pi / num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(dim=-1, keepdim=True)
        distances = torch.arange(1, num_points + 1)
        offsets = directions[:, None, None] * distances[:, None]
        self.sampling_offsets.bias.copy_(offsets.expand(-1, num_scales, -1, -1).flatten())
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for projection in (self.value_proj, self.output_proj):
            xavier_init(projection, distribution="uniform")

    def forward(self, tokens: Tensor, queries: Tensor, sizes: tuple[Size, ...], centres: Tensor) -> Tensor:
        """What is to be added to the tokens.

        Args:
            tokens: `(B, N, C)`, the cells of all scales, row by row, scale after scale.
            queries: `(B, N, C)`, the tokens with their positions.
            sizes: H and W of each scale.
            centres: See `cell_centres`. Places and weights have its precision.

        Returns:
            `(B, N, C)`.
        """
        dtype = centres.dtype
        num_heads, num_scales, num_points = self.parts
        value = self.value_proj(tokens).unflatten(-1, (num_heads, -1))
        logits = self.attention_weights(queries).to(dtype)
        weights = _softmax(logits.view(-1, num_scales * num_points)).view(*logits.shape[:-1], *self.parts)
        offsets = F.linear(queries, *_x_before_y(self.sampling_offsets)).to(dtype)
        places = offsets.unflatten(-1, (2, *self.parts)) + centres
        return self.output_proj(deformable_attention(value, sizes, places, weights, self.form))


@lru_cache(maxsize=4)
def cell_centres(
    sizes: tuple[Size, ...], num_heads: int, num_points: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Where the centre of each cell of all scales lies in each scale, in cells as `deformable_attention` counts them.

    Returns:
        `(N, 2, heads, scales, points)`, the same for all heads and points: adding it takes no broadcasting.
    """
    with torch.inference_mode(False):  # else the kept tensor would be of no use in training
        x, y = [], []
        for height, width in sizes:
            rows = (torch.arange(height, dtype=dtype, device=device) + 0.5) / height
            columns = (torch.arange(width, dtype=dtype, device=device) + 0.5) / width
            y.append(rows.repeat_interleave(width))
            x.append(columns.repeat(height))
        x, y = torch.cat(x), torch.cat(y)
        centres = torch.stack([torch.stack((x * width, y * height), dim=1) for height, width in sizes], dim=2) + 0.5
        repeated = centres[:, :, None, :, None].expand(-1, -1, num_heads, -1, num_points)
        return repeated.contiguous()


def _x_before_y(offsets: nn.Linear) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer whose outputs are (x, y) pairs, with all x before all y."""
    weight = offsets.weight.unflatten(0, (-1, 2)).transpose(0, 1).flatten(0, 1)
    return weight, offsets.bias.view(-1, 2).T.flatten()


def _softmax(rows: Tensor) -> Tensor:
    """Softmax of many short rows `(M, n)`: PyTorch's takes twenty times longer along the last dimension."""
    return rows.T.contiguous().softmax(dim=0).T.contiguous()


def _enlarge(features: Tensor, like: Tensor) -> Tensor:
    """Features at the size of `like`, bilinear, and with channels last where `like` is so."""
    channels_last = like.is_contiguous(memory_format=torch.channels_last)
    # Not `contiguous`: a view of the tokens may pass for it and be interpolated the slow way.
    features = features.clone(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    with torch.autocast(features.device.type, enabled=False):  # it would make float32 of it
        return F.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=False)
