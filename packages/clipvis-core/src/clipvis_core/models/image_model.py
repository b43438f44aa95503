"""The image model: scores and masks of single images (docs/model.md, equation 13)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor
from torchvision.ops import masks_to_boxes

from clipvis_core.models.base import CLIPVISModel, target_masks
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.frame_features import FrameFeatures
from clipvis_core.tracking.image_scores import rank_image_pairs, top_image_pairs
from clipvis_core.tracking.mask_rendering import encode_masks, resize_mask_logits
from clipvis_core.tracking.outputs import FrameOutputs

QUERIES_RESIZED_AT_ONCE = 16


@MODELS.register_module()
class CLIPVISImage(CLIPVISModel):
    """Open-vocabulary instance segmentation of images.

    Args:
        topk: Most (query, category) pairs an image.
        **kwargs: See `CLIPVISModel`.
    """

    def __init__(self, *, topk: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.topk = topk

    def loss(self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample]) -> dict[str, Tensor]:
        """Losses; all instances are objects, whatever their category.

        A sample whose metainfo says `exhaustive=False` has objects that nobody annotated; see `FrameTarget`.
        """
        targets = []
        for sample in batch_data_samples:
            masks = target_masks(sample.gt_instances, batch_inputs.device)
            labels = torch.zeros(len(masks), dtype=torch.long, device=masks.device)
            targets.append(FrameTarget(masks, labels, sample.metainfo.get("exhaustive", True)))
        return self.compute_losses(batch_inputs, targets)

    @torch.no_grad()
    def predict(self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample]) -> list[DetDataSample]:
        """Adds `pred_instances` to each sample.

        They have `scores`, `labels`, `queries`, `masks` (bool, at `ori_shape`), `bboxes` (around the masks) and, with
        contrast words, `calibrated` (see `VideoTracks`).
        """
        outputs = self.outputs(batch_inputs)
        for index, sample in enumerate(batch_data_samples):
            sample.pred_instances = self._image_result(outputs, index, image_sizes(batch_inputs, sample))
        return batch_data_samples

    @torch.no_grad()
    def predict_and_keep(
        self, batch_inputs: Tensor, sample: DetDataSample
    ) -> tuple[DetDataSample, FrameFeatures, dict[int, bytes]]:
        """`predict` for one image `(1, 3, H, W)`; also what asking needs, and the masks of all queries."""
        outputs = self.outputs(batch_inputs)
        sizes = image_sizes(batch_inputs, sample)
        masks, quality = _masks_and_quality(outputs.mask_logits[0], sizes)
        sample.pred_instances = self._image_result(outputs, 0, sizes, (masks, quality))
        filled = masks.flatten(1).any(dim=1).nonzero().squeeze(1)
        codes = [record["counts"].encode("ascii") for record in encode_masks(masks[filled])]
        own_order = torch.arange(len(masks), device=masks.device)
        features = replace(outputs.features(0, own_order), quality=quality.cpu().numpy())
        return sample, features, dict(zip(filled.tolist(), codes, strict=True))

    def _image_result(
        self, outputs: FrameOutputs, index: int, sizes: tuple, made: tuple[Tensor, Tensor] | None = None
    ) -> InstanceData:
        """Top pairs of one image; `sizes` are those of `resize_mask_logits`, `made` all its masks and their quality."""
        values = (outputs.class_probs, outputs.ious, outputs.object_logits)
        pairs = top_image_pairs(*(value[index] for value in values), self.topk)
        kept, slot = pairs.queries.unique(return_inverse=True)  # a query's mask is made once for all its categories
        if made is None:
            masks, quality = _masks_and_quality(outputs.mask_logits[index][kept], sizes)
        else:
            masks, quality = (value[kept] for value in made)
        scores, order = rank_image_pairs(pairs, quality[slot])
        found = InstanceData(
            scores=scores,
            labels=pairs.labels[order],
            masks=masks[slot[order]],
            bboxes=_boxes(masks)[slot[order]],
            queries=pairs.queries[order],
        )
        if outputs.contrast_probs is not None:
            contrast = ContrastScores(self.calibration)
            own_order = torch.arange(outputs.ious.shape[1], device=scores.device)
            contrast.update(outputs.contrast_probs[index], *outputs.rows(index, own_order))
            found.calibrated = contrast.scores(found.queries, found.labels)
        return found


def image_sizes(batch_inputs: Tensor, sample: DetDataSample) -> tuple:
    """Sizes that the masks of an image go through, as `resize_mask_logits` takes them."""
    return tuple(batch_inputs.shape[-2:]), sample.img_shape[:2], sample.ori_shape[:2]


def _masks_and_quality(mask_logits: Tensor, sizes: tuple) -> tuple[Tensor, Tensor]:
    """Masks `(N, H, W)` at output size and the mean sigmoid inside each, `(N,)`."""
    masks, quality = [], []
    for chunk in mask_logits.split(QUERIES_RESIZED_AT_ONCE):
        logits = resize_mask_logits(chunk, *sizes)
        inside = logits > 0
        total = (logits.sigmoid() * inside).flatten(1).sum(dim=1)
        quality.append(total / (inside.flatten(1).sum(dim=1) + 1e-6))
        masks.append(inside)
    return torch.cat(masks), torch.cat(quality)


def _boxes(masks: Tensor) -> Tensor:
    """Boxes (x1, y1, x2, y2) around masks `(N, H, W)`; zeros for an empty one."""
    boxes = torch.zeros((len(masks), 4), device=masks.device)
    filled = masks.flatten(1).any(dim=1)
    if filled.any():
        boxes[filled] = masks_to_boxes(masks[filled])
        boxes[filled, 2:] += 1  # pixel indices to edges
    return boxes
