"""COCO and LVIS image AP as mmdet metrics."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import orjson
import torch
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric
from pycocotools import mask as coco_mask

from clipvis_data.errors import InputError

from ..image_ap import check_options, evaluate_images
from ..whole_file import write_whole


class ImageMetric(BaseMetric):
    """Image AP of masks (or boxes) from detections, at full precision.

    The subclasses name the benchmark whose rules apply.

    Args:
        ann_file: Annotation file; not needed with `format_only`.
        metric: "segm" or "bbox".
        class_agnostic: Whether all categories are taken as one; see `evaluate_images`.
        min_area: Smaller objects, in pixels, are ignored; see `evaluate_images`.
        outfile_prefix: Where to write the result list, without its ending `.json`.
        format_only: Write the result list and do not evaluate.
        collect_device: See mmengine's `BaseMetric`.
        prefix: Prefix of the metric names in the log; by default the benchmark.

    Raises:
        InputError: An argument that does not fit.
    """

    benchmark: ClassVar[Literal["coco", "lvis"]]

    def __init__(
        self,
        *,
        ann_file: str | None = None,
        metric: Literal["segm", "bbox"] = "segm",
        class_agnostic: bool = False,
        min_area: float = 0.0,
        outfile_prefix: str | None = None,
        format_only: bool = False,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix or self.benchmark)
        if metric not in ("segm", "bbox"):
            raise InputError(f"metric must be 'segm' or 'bbox', not {metric!r}")
        if ann_file is None and not format_only:
            raise InputError(f"{type(self).__name__} needs ann_file, or format_only=True")
        if format_only and outfile_prefix is None:
            raise InputError("format_only=True needs outfile_prefix, the file to write")
        check_options(self.benchmark, class_agnostic=class_agnostic, min_area=min_area)
        self.ann_file = ann_file
        self.metric = metric
        self.class_agnostic = class_agnostic
        self.min_area = min_area
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
            `AP`, `APs` and so on as fractions; those without ground truth are left out.
        """
        records = [record for image in results for record in image]
        if self.outfile_prefix is not None:
            write_whole(orjson.dumps(records), f"{self.outfile_prefix}.json")
        if self.format_only:
            return OrderedDict()
        result = evaluate_images(
            self.ann_file,
            records,
            benchmark=self.benchmark,
            iou_type=self.metric,
            class_agnostic=self.class_agnostic,
            min_area=self.min_area,
        )
        return OrderedDict((k, v) for k, v in result.metrics.items() if v is not None)


@METRICS.register_module()
class CLIPVISCocoMetric(ImageMetric):
    """COCO AP; its arguments are `ImageMetric`'s.

    mmdet's `CocoMetric` rounds to three digits, and has neither `class_agnostic` nor `min_area`.
    """

    benchmark = "coco"


@METRICS.register_module()
class CLIPVISLVISMetric(ImageMetric):
    """LVIS AP, by frequency too; its arguments are `ImageMetric`'s.

    mmdet's `LVISMetric` needs the package `lvis`, whose release stops at `np.float`.
    """

    benchmark = "lvis"


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
