"""The published order of computation, to compare times with.

It is put together from the model's own layers as docs/model.md describes the published code, so that both run on the
same machine in the same minute: masks at full size after every layer, resized for the attention; CLIP's features
averaged over every layer's masks, a result that nothing uses; in the end, for ResNets, one attention query a mask;
deformable attention by `grid_sample`; BatchNorm apart from its convolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d
from torch import Tensor

from clipvis_core.models import pixel_decoder
from clipvis_core.models.attention import Attention
from clipvis_core.models.base import CLIPVISModel
from clipvis_core.models.deformable_attention import pytorch_form
from clipvis_core.models.encoder import EncoderFeatures, average_pool_masks
from clipvis_core.models.head import CLIPVISHead
from clipvis_core.models.query_decoder import QueryPrediction
from clipvis_core.models.visual_towers import resize_positions


@contextmanager
def published_form(model: CLIPVISModel) -> Iterator[None]:
    """The model computes in the published order while the context lasts; results are the same but for rounding."""
    seen: list[Tensor] = []
    extract = model.extract_feat

    def remember_dense(images: Tensor) -> EncoderFeatures:
        features = extract(images)
        seen[:] = [features.dense]
        return features

    def forward(levels: tuple[Tensor, ...], all_layers: bool = False) -> list[QueryPrediction]:
        predictions = decode(model.head, levels, partial(average_each_mask, seen[0]))
        return predictions if all_layers else predictions[-1:]

    def plain_attention(value: Tensor, sizes: tuple, places: Tensor, weights: Tensor, _form: str | None) -> Tensor:
        return pytorch_form(value.to(places.dtype), sizes, places, weights)

    with (
        patch.object(model, "extract_feat", remember_dense),
        patch.object(model.backbone.tower, "features", partial(plain_features, model)),
        patch.object(pixel_decoder, "deformable_attention", plain_attention),
        patch.object(model.head, "forward", forward),
        patch.object(model.backbone, "region_embeddings", partial(embed_regions, model)),
    ):
        yield


def plain_features(model: CLIPVISModel, images: Tensor) -> EncoderFeatures:
    """The image encoder by its own modules, BatchNorm included."""
    visual = model.backbone.clip.visual
    if hasattr(visual, "trunk"):
        stages = (visual.trunk.stem, *visual.trunk.stages)
    else:
        stages = (visual.stem, visual.layer1, visual.layer2, visual.layer3, visual.layer4)
    levels = []
    for stage in stages:
        images = stage(images)
        levels.append(images)
    return EncoderFeatures(tuple(levels[1:]), levels[-1])


def decode(head: CLIPVISHead, levels: tuple[Tensor, ...], pool: object) -> list[QueryPrediction]:
    """All predictions, masks at full size after every layer, CLIP's features averaged over each layer's."""
    mask_features, scales = head.decode_pixels(levels)
    decoder = head.query_decoder
    keys, values = decoder._memory(scales, decoder._places(scales))
    queries = decoder.query_feat.weight.expand(len(mask_features), -1, -1)
    positions = decoder.query_embed.weight.expand(len(mask_features), -1, -1)
    predictions = []
    for index, layer in enumerate(decoder.layers):
        prediction = decoder.predict(decoder.norm(queries), mask_features)
        pool(prediction.mask_logits)
        predictions.append(prediction)
        scale = index % len(scales)
        blocked = blocked_cells(prediction.mask_logits, scales[scale].shape[-2:])
        found = attend(layer.cross_attention, queries + positions, keys[scale], values[scale], blocked)
        queries = layer.norm1(queries + found)
        placed = queries + positions
        queries = layer.norm2(queries + attend(layer.self_attention, placed, placed, queries))
        queries = layer.norm3(queries + layer.ffn(queries))
    predictions.append(decoder.predict(decoder.norm(queries), mask_features))
    pool(predictions[-1].mask_logits)
    return predictions


def attend(
    attention: Attention, queries: Tensor, keys: Tensor, values: Tensor, blocked: Tensor | None = None
) -> Tensor:
    """PyTorch's attention that also gives its weights; `blocked` is bool `(B, Q, N)`."""
    projections = (attention.in_proj_weight, attention.in_proj_bias, attention.out_proj)
    return multi_head_attention(projections, attention.num_heads, (queries, keys, values), blocked, need_weights=True)


def multi_head_attention(
    projections: tuple, num_heads: int, tokens: tuple[Tensor, ...], blocked: Tensor | None, need_weights: bool
) -> Tensor:
    """`F.multi_head_attention_forward` of queries `(B, Q, C)`, keys and values `(B, N, C)`."""
    weight, bias, out = projections
    found, _ = F.multi_head_attention_forward(
        *(part.transpose(0, 1) for part in tokens),
        embed_dim_to_check=tokens[0].shape[-1],
        num_heads=num_heads,
        in_proj_weight=weight,
        in_proj_bias=bias,
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=out.weight,
        out_proj_bias=out.bias,
        attn_mask=None if blocked is None else blocked.repeat_interleave(num_heads, dim=0),
        need_weights=need_weights,
    )
    return found.transpose(0, 1)


def blocked_cells(mask_logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Attention mask `(B, Q, HW)` from masks at full size."""
    resized = F.interpolate(mask_logits.detach(), size=size, mode="bilinear", align_corners=False)
    blocked = resized.sigmoid().flatten(2) < 0.5
    return blocked & ~blocked.all(dim=-1, keepdim=True)


def average_each_mask(dense: Tensor, mask_logits: Tensor) -> Tensor:
    """Means `(B, Q, C)` of dense features over masks."""
    with torch.no_grad():
        masks = F.interpolate(mask_logits, size=dense.shape[-2:], mode="bilinear", align_corners=False)
        return average_pool_masks(dense, masks > 0)


def embed_regions(model: CLIPVISModel, dense: Tensor, masks: Tensor) -> Tensor:
    """CLIP features of bool masks; for ResNets one attention query a mask, each projected by itself."""
    pool = getattr(model.backbone.clip.visual, "attnpool", None)
    if pool is None:
        return model.backbone.tower.pool(dense, masks)
    empty = ~masks.flatten(2).any(dim=-1, keepdim=True)
    return attend_each_mask(pool, dense, masks).masked_fill(empty, 0.0)


def attend_each_mask(pool: AttentionPool2d, dense: Tensor, masks: Tensor) -> Tensor:
    """The attention pool with Q queries an image and a mask on the keys."""
    tokens = dense.flatten(2).transpose(1, 2)
    query = tokens.mean(dim=1, keepdim=True) + pool.positional_embedding[0]
    tokens = tokens + resize_positions(pool.positional_embedding[1:], *dense.shape[-2:])
    parts = (pool.q_proj, pool.k_proj, pool.v_proj)
    projections = (torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts]), pool.c_proj)
    queries = query.repeat(1, masks.shape[1], 1)
    return multi_head_attention(projections, pool.num_heads, (queries, tokens, tokens), ~masks.flatten(2), False)
