"""The two families of CLIP image encoders: their multi-scale features, and the CLIP feature of a mask.

A tower has a `family` (its name for users), the `channels` of res2..res5, `features` of images `(B, 3, H, W)`, `pool`
(CLIP features `(B, Q, D)` of bool masks `(B, Q, h, w)` over dense features, not normalised), and `compile`. It is a
view of an open_clip `visual` module and owns no parameter, so that a checkpoint holds the weights once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipvis_core.models.encoder import EncoderFeatures, average_pool_masks
from clipvis_core.models.frozen_trunks import TrunkCopy, copied_convnext, folded_resnet, run_stages, running_dtype

if TYPE_CHECKING:
    from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
    from open_clip.timm_model import TimmModel


class ResNetTower:
    """OpenAI's ResNets: three-convolution stem, attention pool."""

    family = "RN50"

    def __init__(self, visual: ModifiedResNet) -> None:
        self.visual = visual
        width = visual.layer1[0].conv1.out_channels
        self.channels = tuple(width * 4 * 2**level for level in range(4))
        self._trunk = TrunkCopy(visual, folded_resnet)

    def compile(self) -> None:
        """Has `torch.compile` fuse the trunk."""
        self._trunk.compile()

    def features(self, images: Tensor) -> EncoderFeatures:
        """Features of images `(B, 3, H, W)` at strides 4, 8, 16 and 32, and what `pool` takes."""
        _, *levels = self._trunk(images)
        return EncoderFeatures(tuple(levels), levels[-1])

    def pool(self, dense: Tensor, masks: Tensor) -> Tensor:
        """CLIP features `(B, Q, D)` of bool masks `(B, Q, h, w)` over `dense`, not normalised."""
        return attention_pool_masks(self.visual.attnpool, dense, masks)


class ConvNeXtTower:
    """LAION's ConvNeXts: timm trunk, average pool, norm, linear projection."""

    family = "ConvNeXt-B"

    def __init__(self, visual: TimmModel) -> None:
        self.visual = visual
        self.channels = tuple(info["num_chs"] for info in visual.trunk.feature_info)
        self._run = run_stages
        self._low_precision = TrunkCopy(visual.trunk, copied_convnext)

    def compile(self) -> None:
        """Has `torch.compile` fuse the trunk."""
        self._run = torch.compile(run_stages)
        self._low_precision.compile()

    def features(self, images: Tensor) -> EncoderFeatures:
        """Features of images `(B, 3, H, W)` at strides 4, 8, 16 and 32, and what `pool` takes."""
        trunk = self.visual.trunk
        if running_dtype(images) == images.dtype:
            _, *levels = self._run((trunk.stem, *trunk.stages), images)
        else:
            _, *levels = self._low_precision(images)
        return EncoderFeatures(tuple(levels), trunk.norm_pre(levels[-1]))

    def pool(self, dense: Tensor, masks: Tensor) -> Tensor:
        """CLIP features `(B, Q, D)` of bool masks `(B, Q, h, w)` over `dense`, not normalised."""
        # A mask without a cell gets the norm and projection of zeros, as published.
        pooled = average_pool_masks(dense, masks)
        batch, queries, channels = pooled.shape
        x = self.visual.trunk.head(pooled.reshape(batch * queries, channels, 1, 1))
        return self.visual.head(x.flatten(1)).view(batch, queries, -1)


def build_tower(visual: nn.Module) -> ResNetTower | ConvNeXtTower:
    """The tower that fits an open_clip `visual` module.

    Raises:
        TypeError: Neither a ModifiedResNet with attention pool nor a timm ConvNeXt.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel

    if isinstance(visual, ModifiedResNet):
        return ResNetTower(visual)
    if isinstance(visual, TimmModel) and hasattr(visual.trunk, "norm_pre"):
        return ConvNeXtTower(visual)
    raise TypeError(f"no multi-scale features are defined for a CLIP image encoder of type {type(visual).__name__}")


def attention_pool_masks(pool: AttentionPool2d, dense: Tensor, masks: Tensor) -> Tensor:
    """CLIP's attention pool with one query a mask, which attends inside its mask only.

    The query is the same for all masks (mean of `dense` plus its position), so that queries, keys and values are
    projected once a frame and each mask costs a masked softmax. A mask without a cell attends nowhere and gets zeros,
    which leave all its logits 0, as published.

    Args:
        pool: open_clip's attention pool.
        dense: `(B, C, h, w)`.
        masks: bool `(B, Q, h, w)`.

    Returns:
        `(B, Q, D)`.
    """
    batch, channels, height, width = dense.shape
    heads, head_dim = pool.num_heads, channels // pool.num_heads
    tokens = dense.flatten(2).transpose(1, 2)
    query = tokens.mean(dim=1) + pool.positional_embedding[0]
    tokens = tokens + resize_positions(pool.positional_embedding[1:], height, width)

    q = pool.q_proj(query).view(batch, heads, 1, head_dim) * head_dim**-0.5
    k = pool.k_proj(tokens).view(batch, -1, heads, head_dim).transpose(1, 2)
    v = pool.v_proj(tokens).view(batch, -1, heads, head_dim).transpose(1, 2)
    scores = q @ k.transpose(-1, -2)
    inside = masks.flatten(2).unsqueeze(1)
    attention = scores.masked_fill(~inside, float("-inf")).softmax(dim=-1)
    pooled = (attention.to(v.dtype) @ v).transpose(1, 2).flatten(2)
    empty = ~masks.flatten(2).any(dim=-1, keepdim=True)
    return pool.c_proj(pooled).masked_fill(empty, 0.0)


def resize_positions(positions: Tensor, height: int, width: int) -> Tensor:
    """Square grid of position embeddings `(n*n, C)` -> `(height*width, C)`, bilinear."""
    side = round(len(positions) ** 0.5)
    grid = positions.T.view(1, -1, side, side)
    grid = F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)
    return grid.flatten(2)[0].T
