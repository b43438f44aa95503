"""Matching and losses of class-agnostic masks, for images and videos (docs/model.md, equations 6 to 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from mmcv.ops import point_sample
from mmdet.models.utils import get_uncertain_point_coords_with_randomness
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.utils import reduce_mean
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from clipvis_core.models.query_decoder import QueryPrediction
from clipvis_core.tracking.outputs import HostCopy


@dataclass(frozen=True)
class FrameTarget:
    """Ground truth of one frame.

    Attributes:
        masks: bool `(N, H, W)` at the padded input size.
        labels: int64 `(N,)`: 0 = object; 1 = absent in this frame, in clips of several frames only: the matcher's cost
            takes p(nothing) and its mask is empty.
        exhaustive: Whether what is not annotated is background. If not, an unmatched query may be right: its
            objectness has no loss.
    """

    masks: Tensor
    labels: Tensor
    exhaustive: bool = True


class PointSampler:
    """Draws the points at which masks are compared.

    Args:
        num_points: S.
        oversample_ratio: Candidates drawn for each point that is kept for its uncertainty.
        importance_sample_ratio: Share of points kept for their uncertainty; the rest is uniform.
    """

    def __init__(self, num_points: int, oversample_ratio: float = 3.0, importance_sample_ratio: float = 0.75) -> None:
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_sample_ratio = importance_sample_ratio

    def uniform(self, device: torch.device) -> Tensor:
        """Points for matching one frame, `(1, S, 2)` as (x, y) in [0, 1]."""
        return torch.rand((1, self.num_points, 2), device=device)

    def uncertain(self, mask_logits: Tensor) -> Tensor:
        """Points for the losses of matched masks `(N, h, w)`: `(N, S, 2)`, most where the logit is near 0."""
        return get_uncertain_point_coords_with_randomness(
            mask_logits.unsqueeze(1), None, self.num_points, self.oversample_ratio, self.importance_sample_ratio
        )


@MODELS.register_module()
class ClassAgnosticMaskCriterion(nn.Module):
    """Bipartite matching (equation 6), then the losses of every decoder layer (equations 7 to 10 of docs/model.md).

    Args:
        match_costs: Configs of mmdet match costs; they see `scores` (object logits) and `masks` (point logits).
        loss_object: Config of the objectness loss; `class_weight` weighs object and nothing.
        loss_mask: Config of the point-wise binary cross-entropy.
        loss_dice: Config of the Dice loss.
        loss_iou_weight: Weight of the mask-IoU loss.
        num_points: S, points a mask is compared at.
        oversample_ratio: See `PointSampler`.
        importance_sample_ratio: See `PointSampler`.
    """

    def __init__(
        self,
        *,
        match_costs: list[dict],
        loss_object: dict,
        loss_mask: dict,
        loss_dice: dict,
        loss_iou_weight: float = 2.0,
        num_points: int = 12544,
        oversample_ratio: float = 3.0,
        importance_sample_ratio: float = 0.75,
    ) -> None:
        super().__init__()
        self.match_costs = [TASK_UTILS.build(cost) for cost in match_costs]
        self.loss_object = MODELS.build(loss_object)
        self.loss_mask = MODELS.build(loss_mask)
        self.loss_dice = MODELS.build(loss_dice)
        self.loss_iou_weight = loss_iou_weight
        self.points = PointSampler(num_points, oversample_ratio, importance_sample_ratio)

    def forward(self, predictions: list[QueryPrediction], targets: list[FrameTarget]) -> dict[str, Tensor]:
        """Weighted losses.

        Args:
            predictions: L + 1 predictions in order of depth, with batch size B.
            targets: B frames.

        Returns:
            `loss_object`, `loss_mask`, `loss_dice`, `loss_iou` of the last prediction, and the same with a prefix
            `d{i}.` for the i-th before it.
        """
        count = sum(len(target.labels) for target in targets)
        num_masks = reduce_mean(predictions[0].object_logits.new_tensor(float(count))).clamp(min=1.0)
        losses = self._layer_losses(predictions[-1], targets, num_masks)
        for depth, prediction in enumerate(predictions[:-1]):
            layer = self._layer_losses(prediction, targets, num_masks)
            losses.update({f"d{depth}.{name}": value for name, value in layer.items()})
        return losses

    @torch.no_grad()
    def match(self, prediction: QueryPrediction, targets: list[FrameTarget]) -> list[tuple[Tensor, Tensor]]:
        """Pairs of each frame: (query indices, target indices), int64, in order of the query index."""
        frames = zip(prediction.object_logits, prediction.mask_logits, targets, strict=True)
        return assigned([self._costs(*frame) for frame in frames])

    def _costs(self, object_logits: Tensor, mask_logits: Tensor, target: FrameTarget) -> Tensor:
        """Costs of one frame's pairs, finite, `(Q, N)`."""
        points = self.points.uniform(mask_logits.device)
        predicted = InstanceData(scores=object_logits.float(), masks=_sample_shared(mask_logits, points))
        truth = InstanceData(labels=target.labels, masks=_sample_shared(target.masks, points))
        with torch.autocast(mask_logits.device.type, enabled=False):
            cost = sum(match_cost(predicted, truth) for match_cost in self.match_costs)
        return torch.nan_to_num(cost, nan=1e6, posinf=1e6, neginf=-1e6)

    def _layer_losses(
        self, prediction: QueryPrediction, targets: list[FrameTarget], num_masks: Tensor
    ) -> dict[str, Tensor]:
        pairs = self.match(prediction, targets)
        frames = torch.cat([queries.new_full(queries.shape, b) for b, (queries, _) in enumerate(pairs)])
        queries = torch.cat([queries for queries, _ in pairs])
        mask_logits = prediction.mask_logits[frames, queries].float()
        masks = torch.cat([target.masks[matched] for target, (_, matched) in zip(targets, pairs, strict=True)])
        with torch.no_grad():
            points = self.points.uncertain(mask_logits)
            labels = _sample_own(masks, points)
        logits = _sample_own(mask_logits, points)
        return {
            "loss_object": self._object_loss(
                prediction.object_logits, frames, queries, [target.exhaustive for target in targets]
            ),
            "loss_mask": self.loss_mask(logits.flatten(), labels.flatten(), avg_factor=num_masks * points.shape[1]),
            "loss_dice": self.loss_dice(logits, labels, avg_factor=num_masks),
            "loss_iou": self.loss_iou_weight * mask_iou_loss(prediction.ious[frames, queries], logits, labels),
        }

    def _object_loss(self, object_logits: Tensor, frames: Tensor, queries: Tensor, exhaustive: list[bool]) -> Tensor:
        """Cross-entropy, matched queries against class 0 and others, of exhaustive frames only, against class 1."""
        labels = torch.ones(object_logits.shape[:2], dtype=torch.long, device=object_logits.device)
        labels[frames, queries] = 0
        counted = None
        if not all(exhaustive):
            known = torch.tensor(exhaustive, device=labels.device).unsqueeze(1)
            counted = (known | (labels == 0)).flatten().float()
        labels = labels.flatten()
        weights = object_logits.new_tensor(self.loss_object.class_weight)[labels]
        return self.loss_object(
            object_logits.flatten(0, 1).float(),
            labels,
            weight=counted,
            avg_factor=(weights if counted is None else weights * counted).sum(),
        )


def assigned(costs: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Pairs of least total cost (Hungarian method) of each frame; one copy to the host and one back for all frames.

    Args:
        costs: `(Q, N)` a frame.

    Returns:
        Rows and columns of the pairs, int64, in order of the rows.
    """
    pairs = [linear_sum_assignment(cost.numpy()) for cost in HostCopy(costs).wait()]
    both = torch.from_numpy(np.concatenate(pairs, axis=1)).to(costs[0].device)
    return [tuple(part.unbind()) for part in both.split([len(rows) for rows, _ in pairs], dim=1)]


def mask_iou_loss(ious: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """Mean |predicted IoU - g| over pairs with g > 0, g the IoU of the thresholded point logits with the labels.

    Args:
        ious: `(N,)`.
        logits: Point logits `(N, S)`.
        labels: Point labels `(N, S)` in [0, 1]; between them where a point falls between cells.

    Returns:
        Scalar, 0 without such a pair.
    """
    with torch.no_grad():
        inside = (logits > 0).to(labels.dtype)
        intersection = (inside * labels).sum(dim=1)
        union = inside.sum(dim=1) + labels.sum(dim=1) - intersection
        overlapping = intersection > 0
        truth = intersection / union.clamp(min=1e-12)
    difference = (ious.float() - truth).abs() * overlapping
    return difference.sum() / overlapping.sum().clamp(min=1)


def _sample_shared(masks: Tensor, points: Tensor) -> Tensor:
    """All masks `(N, H, W)` at the same points `(1, S, 2)` -> `(N, S)`."""
    return point_sample(masks.float().unsqueeze(0), points).squeeze(0)


def _sample_own(masks: Tensor, points: Tensor) -> Tensor:
    """Each mask `(N, H, W)` at its own points `(N, S, 2)` -> `(N, S)`."""
    return point_sample(masks.float().unsqueeze(1), points).squeeze(1)
