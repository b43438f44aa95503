"""A whole clip in the published order, to compare times with: windows of 10 frames, everything kept to the end.

What comes after the network is written out here as docs/model.md has it, equations 12 to 17: one Hungarian problem and
one copy a remembered frame, classification of aligned masks, one upsampled and encoded mask for each (query, category)
pair.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from benchmarks.model import Seconds, clocked, timed_network
from benchmarks.published_form import published_form
from clipvis_core.models import CLIPVISVideo
from clipvis_core.tracking import VideoTracks, resize_mask_logits

WINDOW = 10
FRAMES_ENCODED_AT_ONCE = 20
PRESENCE_SHARE = 0.1


class Raw(NamedTuple):
    """Outputs of all frames, `(T, Q, ...)`, and dense features `(T, C, h, w)`."""

    object_logits: Tensor
    ious: Tensor
    mask_logits: Tensor
    embeddings: Tensor
    dense: Tensor


def published_clip(
    model: CLIPVISVideo, frames: Tensor, output_size: tuple[int, int], device: str
) -> tuple[VideoTracks, Seconds]:
    """One clip, uint8 `(T, 3, H, W)`; the best pairs, not sorted, and the seconds of each stage."""
    seconds: Seconds = defaultdict(float)
    with torch.no_grad(), published_form(model), clocked(seconds, "total"):
        with timed_network(model, seconds, device):
            raw = network(model, frames, device)
        with clocked(seconds, "association"):
            raw = aligned(raw, associate(raw.embeddings, model.num_memory, model.num_match))
        with clocked(seconds, "classification"):
            windows = zip(raw.mask_logits.split(WINDOW), raw.dense.split(WINDOW), strict=True)
            probs = torch.cat([model.classify(masks, dense).softmax(dim=-1) for masks, dense in windows])
        with clocked(seconds, "scores"):
            scores, queries, labels, masks = top_pairs(model, raw, probs)
        with clocked(seconds, "masks_and_rle"):
            padded = tuple(4 * side for side in masks.shape[-2:])
            segmentations = encode_each(masks, padded, tuple(frames.shape[-2:]), output_size)
    return VideoTracks(scores, labels, queries, segmentations), dict(seconds)


def network(model: CLIPVISVideo, frames: Tensor, device: str) -> Raw:
    """The network on windows of frames."""
    parts = []
    for window in frames.split(WINDOW):
        found, dense = model.segment(model.prepare(window.to(device)))
        parts.append(Raw(found.object_logits, found.ious, found.mask_logits, found.embeddings, dense))
    return Raw(*(torch.cat(values) for values in zip(*parts, strict=True)))


def associate(embeddings: Tensor, num_memory: int, num_match: int) -> list[Tensor]:
    """Order of the queries in each frame, by temporal top-K matching."""
    orders = [torch.arange(embeddings.shape[1])]
    memory = [embeddings[0]]
    for current in embeddings[1:]:
        normed = F.normalize(current, dim=-1)
        costs = [1 - F.normalize(old, dim=-1) @ normed.T for old in memory]
        found = [assign(cost) for cost in costs]
        if len(costs) < num_match:
            order = min(found, key=lambda pair: pair[0])[1]
        else:
            totals = torch.tensor([total for total, _ in found])
            best = totals.topk(num_match, largest=False).indices.tolist()
            order = assign(sum(costs[i] * (i + 1) for i in best) / num_match)[1]
        orders.append(order)
        memory = [*memory, current[order]][-num_memory:]
    return orders


def assign(cost: Tensor) -> tuple[float, Tensor]:
    """Least total cost `(Q, Q)`, and the column of each row."""
    rows, columns = linear_sum_assignment(cost.cpu().numpy())
    return float(cost[rows, columns].sum()), torch.as_tensor(columns)


def aligned(raw: Raw, orders: list[Tensor]) -> Raw:
    """Queries in track order."""
    per_query = [torch.stack([frame[order] for frame, order in zip(values, orders, strict=True)]) for values in raw[:4]]
    return Raw(*per_query, raw.dense)


def top_pairs(model: CLIPVISVideo, raw: Raw, probs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reported scores, queries, labels and mask logits `(N, T, h, w)` of the best pairs."""
    objects = raw.object_logits.mean(dim=0).softmax(dim=-1)[:, :1]
    scores = ((probs * raw.ious.unsqueeze(-1)).sqrt().mean(dim=0) * objects).sqrt()
    top, pairs = scores.flatten().topk(min(model.topk, scores.numel()))
    queries, labels = pairs // scores.shape[1], pairs % scores.shape[1]
    masks = raw.mask_logits[:, queries].transpose(0, 1).clone()
    presence = (probs[:, queries, labels].sigmoid() * raw.object_logits.softmax(dim=-1)[:, queries, 0]).sqrt()
    masks[(presence < PRESENCE_SHARE * top).T] = -1.0
    inside = masks > 0
    total = torch.where(inside, masks.sigmoid(), 0.0).flatten(1).sum(dim=1)
    return top * total / (inside.flatten(1).sum(dim=1) + 1e-6), queries, labels, masks


def encode_each(
    masks: Tensor, padded_size: tuple[int, int], image_size: tuple[int, int], output_size: tuple[int, int]
) -> list[list[dict]]:
    """Every pair's masks upsampled and encoded, one by one."""
    encoded = []
    for pair in masks:
        records = []
        for chunk in pair.split(FRAMES_ENCODED_AT_ONCE):
            whole = resize_mask_logits(chunk, padded_size, image_size, output_size) > 0
            records += [coco_mask.encode(np.asfortranarray(mask.cpu().numpy().astype(np.uint8))) for mask in whole]
        encoded.append(records)
    return encoded
