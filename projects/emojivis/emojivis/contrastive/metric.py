"""Zero-shot accuracy: how often the nearest word is the right one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from ..vocabulary import emoji_vocabulary


@METRICS.register_module()
class ZeroShotAccuracy(BaseMetric):
    """Top-1 accuracy of the names of regions and of whole images, over the groups of EmojiVIS.

    A region is a ground-truth mask. An image counts if it has exactly one. The numbers are fractions:
    `region_top1`, `image_top1`, and `region_top1_novel` and so on for the groups.

    Args:
        collect_device: See mmengine's `BaseMetric`.
        prefix: Prefix of the names in the log.
    """

    def __init__(self, *, collect_device: str = "cpu", prefix: str = "zero_shot") -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps what each image and its regions were called.

        Args:
            data_batch: Not used.
            data_samples: Samples as dicts, with `gt_instances`, `pred_instances` and `image_label`.
        """
        for sample in data_samples:
            right = sample["gt_instances"]["labels"].cpu().numpy()
            called = sample["pred_instances"]["labels"].cpu().numpy()
            self.results.append((right, called, sample["image_label"]))

    def compute_metrics(self, results: list[tuple[np.ndarray, np.ndarray, int]]) -> dict[str, float]:
        """Accuracies over all categories and each group; those without a case are left out."""
        right = np.concatenate([labels for labels, _, _ in results])
        called = np.concatenate([labels for _, labels, _ in results])
        single = [(labels[0], image) for labels, _, image in results if len(labels) == 1]
        images = np.array(single, dtype=int).reshape(-1, 2).T
        vocabulary = emoji_vocabulary()
        groups = {"": vocabulary.ids, **{f"_{g}": ids for g, ids in vocabulary.groups.items()}}
        numbers = {}
        for end, ids in groups.items():
            labels = [vocabulary.id_to_label[category_id] for category_id in ids]
            for name, (truth, answer) in {"region": (right, called), "image": images}.items():
                inside = np.isin(truth, labels)
                if inside.any():
                    numbers[f"{name}_top1{end}"] = float((truth == answer)[inside].mean())
        return numbers
