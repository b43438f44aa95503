"""COCO and LVIS image AP as mmdet metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from mmdet.registry import METRICS

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.masks import encode_columns, record_of

from ..image_ap import check_options, evaluate_images
from .result_list_metric import ResultListMetric


class ImageMetric(ResultListMetric):
    """Image AP of masks (or boxes) from detections, at full precision.

    Args:
        metric: "segm" or "bbox".
        min_area: Smaller objects, in pixels, are ignored; see `evaluate_images`.
        **kwargs: See `ResultListMetric`; `class_agnostic` is explained at `evaluate_images`.

    Raises:
        InputError: An argument that does not fit.
    """

    def __init__(self, *, metric: Literal["segm", "bbox"] = "segm", min_area: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if metric not in ("segm", "bbox"):
            raise InputError(f"metric must be 'segm' or 'bbox', not {metric!r}")
        check_options(self.benchmark, class_agnostic=self.class_agnostic, min_area=min_area)
        self.metric = metric
        self.min_area = min_area

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps the detections of each image, masks run-length encoded.

        Args:
            data_batch: Not used.
            data_samples: `DetDataSample`s as dicts, with `img_id` and `pred_instances`: `scores` (N,), `labels` (N,)
                from 0, and `masks` ((N, H, W) bool, or N RLEs) or `bboxes` (N, 4) as x1, y1, x2, y2.
        """
        category_ids = self.category_ids
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
            masks = found["masks"]
            if not isinstance(masks, torch.Tensor):
                return {"segmentation": [record_of(mask) for mask in masks]}
            return {"segmentation": encode_columns(masks.transpose(1, 2).contiguous().cpu().numpy())}
        boxes = found["bboxes"].clone()
        boxes[:, 2:] -= boxes[:, :2]
        return {"bbox": boxes.tolist()}

    def evaluate_records(self, records: list[dict]) -> dict[str, float]:
        """`AP`, `APs` and so on; LVIS has `APr`, `APc` and `APf` too."""
        result = evaluate_images(
            self.ann_file,
            records,
            benchmark=self.benchmark,
            iou_type=self.metric,
            class_agnostic=self.class_agnostic,
            min_area=self.min_area,
        )
        return {name: value for name, value in result.metrics.items() if value is not None}


@METRICS.register_module()
class CLIPVISCocoMetric(ImageMetric):
    """COCO AP.

    mmdet's `CocoMetric` rounds to three digits, and has neither `class_agnostic` nor `min_area`.

    Args:
        **kwargs: See `ImageMetric`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(benchmark="coco", **kwargs)


@METRICS.register_module()
class CLIPVISLVISMetric(ImageMetric):
    """LVIS AP, by frequency too.

    mmdet's `LVISMetric` needs the package `lvis`, whose release stops at `np.float`.

    Args:
        **kwargs: See `ImageMetric`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(benchmark="lvis", **kwargs)
