"""Copy-paste between images (Ghiasi et al., CVPR 2021)."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from torch.utils.data import Dataset

from .masks import bitmap_box, bitmap_masks


@TRANSFORMS.register_module()
class PasteInstances(BaseTransform):
    """Pastes objects of another image, in mmdet's `MultiImageMixDataset`.

    mmdet's `CopyPaste` does the same for its own boxes and masks; this one takes what `LargeScaleJitter` makes. Some
    of the other image's objects, drawn at random, cover what lies below them; masks and boxes of covered objects
    shrink, and an object of which too little stays visible is dropped. Whether the annotation is exhaustive is up to
    the image pasted into: with the objects come their masks.

    Required keys: `img` (H, W, 3) uint8, `gt_masks` (BitmapMasks), `gt_bboxes` (N, 4), `gt_bboxes_labels` (N,), and
    `mix_results` with the same of an image of the same size, or with nothing. All four are updated.

    Args:
        prob: Probability of pasting.
        max_pasted: Most objects pasted; their number is drawn uniformly from 1.
        min_area: Smaller objects, in pixels, are not pasted.
        min_visible: Share of its pixels that an object must keep.
    """

    def __init__(self, prob: float = 0.5, max_pasted: int = 10, min_area: int = 64, min_visible: float = 0.2) -> None:
        self.prob = prob
        self.max_pasted = max_pasted
        self.min_area = min_area
        self.min_visible = min_visible

    def get_indexes(self, dataset: Dataset) -> list[int]:
        """Draws the image to take objects from: none or one index (the wrapper's name for this)."""
        return [np.random.randint(len(dataset))] if np.random.rand() < self.prob else []

    def transform(self, results: dict) -> dict:
        """Pastes objects of `mix_results[0]`, if there is one."""
        for other in results.get("mix_results", ()):
            chosen = self._choose(other["gt_masks"].masks)
            if len(chosen):
                self._paste(results, other, chosen)
        return results

    def _choose(self, masks: np.ndarray) -> np.ndarray:
        """Indices of the objects to paste."""
        large = np.flatnonzero(masks.sum(axis=(1, 2), dtype=np.int64) >= self.min_area)
        most = min(len(large), self.max_pasted)
        return np.random.permutation(large)[: np.random.randint(1, most + 1)] if most else large

    def _paste(self, results: dict, other: dict, chosen: np.ndarray) -> None:
        pasted = other["gt_masks"].masks[chosen]
        covered = pasted.any(axis=0)
        np.copyto(results["img"], other["img"], where=covered[..., None])

        before = results["gt_masks"].masks
        visible = before * ~covered
        areas = visible.sum(axis=(1, 2), dtype=np.int64)
        whole = before.sum(axis=(1, 2), dtype=np.int64)
        kept = (areas > 0) & (areas >= self.min_visible * whole)
        boxes = results["gt_bboxes"].copy()
        for i in np.flatnonzero(kept & (areas < whole)):
            boxes[i] = bitmap_box(visible[i])
        results["gt_masks"] = bitmap_masks(np.concatenate([visible[kept], pasted]))
        results["gt_bboxes"] = np.concatenate([boxes[kept], other["gt_bboxes"][chosen]])
        results["gt_bboxes_labels"] = np.concatenate(
            [results["gt_bboxes_labels"][kept], other["gt_bboxes_labels"][chosen]]
        )
