"""LVIS image AP as an mmdet metric that runs on current numpy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import orjson
import torch
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric
from pycocotools import mask as coco_mask

from clipvis_data.errors import InputError

from ..image_ap import evaluate_images
from ..whole_file import write_whole


@METRICS.register_module()
class CLIPVISLVISMetric(BaseMetric):
    """LVIS AP of masks (or boxes), by frequency too.

    mmdet's `LVISMetric` needs the package `lvis`, whose release stops at `np.float`; this one goes
    through `faster-coco-eval` and keeps full precision.

    Args:
        ann_file: LVIS annotation file; not needed with `format_only`.
        metric: "segm" or "bbox".
        outfile_prefix: Where to write the result list, without its ending `.json`.
        format_only: Write the result list and do not evaluate.
        collect_device: See mmengine's `BaseMetric`.
        prefix: Prefix of the metric names in the log.

    Raises:
        InputError: An argument that does not fit.
    """

    def __init__(
        self,
        *,
        ann_file: str | None = None,
        metric: Literal["segm", "bbox"] = "segm",
        outfile_prefix: str | None = None,
        format_only: bool = False,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix or "lvis")
        if metric not in ("segm", "bbox"):
            raise InputError(f"metric must be 'segm' or 'bbox', not {metric!r}")
        if ann_file is None and not format_only:
            raise InputError("the LVIS metric needs ann_file, or format_only=True")
        if format_only and outfile_prefix is None:
            raise InputError("format_only=True needs outfile_prefix, the file to write")
        self.ann_file = ann_file
        self.metric = metric
        self.outfile_prefix = outfile_prefix
        self.format_only = format_only

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps the detections of each image, masks run-length encoded.

        Args:
            data_batch: Not used.
            data_samples: `DetDataSample`s as dicts, with `img_id` and `pred_instances`: `scores`
                (N,), `labels` (N,) from 0, and `masks` ((N, H, W) bool, or N RLEs) or `bboxes`
                (N, 4) as x1, y1, x2, y2.
        """
        category_ids = (self.dataset_meta or {}).get("category_ids")
        for sample in data_samples:
            found = sample["pred_instances"]
            labels = found["labels"].tolist()
            columns = {
                "image_id": [sample["img_id"]] * len(labels),
                "category_id": [n + 1 if category_ids is None else category_ids[n] for n in labels],
                "score": found["scores"].tolist(),
                **self._shapes(found),
            }
            rows = zip(*columns.values(), strict=True)
            self.results.append([dict(zip(columns, row, strict=True)) for row in rows])

    def _shapes(self, found: dict) -> dict[str, list]:
        if self.metric == "segm":
            return {"segmentation": encode_masks(found["masks"])}
        boxes = found["bboxes"].clone()
        boxes[:, 2:] -= boxes[:, :2]
        return {"bbox": boxes.tolist()}

    def compute_metrics(self, results: list[list[dict]]) -> dict[str, float]:
        """Writes and evaluates the detections of all images.

        Args:
            results: The detections of each image.

        Returns:
            `AP`, `APr` and so on as fractions; those without ground truth are left out.
        """
        records = [record for image in results for record in image]
        if self.outfile_prefix is not None:
            write_whole(orjson.dumps(records), f"{self.outfile_prefix}.json")
        if self.format_only:
            return OrderedDict()
        result = evaluate_images(self.ann_file, records, benchmark="lvis", iou_type=self.metric)
        return OrderedDict((k, v) for k, v in result.metrics.items() if v is not None)


def encode_masks(masks: torch.Tensor | Sequence[dict]) -> list[dict]:
    """Compressed RLEs, counts as text.

    Args:
        masks: (N, H, W) bool tensor, or N RLEs.
    """
    if isinstance(masks, torch.Tensor):
        # Seen as (H, W, N) in column-major order, which is what the encoder takes without a copy.
        columns = masks.transpose(1, 2).contiguous().cpu().numpy().astype(np.uint8)
        masks = coco_mask.encode(columns.transpose(2, 1, 0)) if len(columns) else []
    return [
        {
            "size": list(mask["size"]),
            "counts": mask["counts"].decode()
            if isinstance(mask["counts"], bytes)
            else mask["counts"],
        }
        for mask in masks
    ]
