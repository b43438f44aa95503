"""Large scale jitter: the augmentation of image training."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS
from pycocotools import mask as mask_api

from clipvis_core.foundation.images import resize_bilinear, resize_nearest

from .masks import bitmap_box, bitmap_masks, clip_polygons, rasterise

MIN_BOX_SIDE = 1e-5  # pixels; the published pipeline drops instances whose box is not larger


@dataclass(frozen=True)
class JitterGeometry:
    """Where the pixels of one augmented image come from.

    Attributes:
        flip: Whether the source is mirrored first.
        source: (height, width) of the source.
        resized: (height, width) it is resized to.
        crop: x0, y0, x1, y1 of the part of the resized image that is kept, at the output's upper left.
        size: (height, width) of the output.
    """

    flip: bool
    source: tuple[int, int]
    resized: tuple[int, int]
    crop: tuple[int, int, int, int]
    size: tuple[int, int]

    @classmethod
    def from_draws(
        cls, source: tuple[int, int], size: tuple[int, int], *, flip: bool, scale: float, fraction: float
    ) -> JitterGeometry:
        """The geometry for an image resized to `scale` times the largest size that fits the output.

        The crop lies at `fraction` of the room it has, the same for both axes.
        """
        height, width = source
        factor = min(size[0] * scale / height, size[1] * scale / width)
        resized = (max(1, round(height * factor)), max(1, round(width * factor)))  # a strip is a pixel wide at least
        y0, x0 = (round(fraction * max(r - s, 0)) for r, s in zip(resized, size, strict=True))
        crop = (x0, y0, min(x0 + size[1], resized[1]), min(y0 + size[0], resized[0]))
        return cls(flip, (height, width), resized, crop, size)

    def warp_image(self, image: np.ndarray, pad_value: int) -> np.ndarray:
        """Resizes an image (H, W, 3) uint8 (bilinear, antialiased), crops it and pads it right and bottom to `size`."""
        x0, y0, x1, y1 = self.crop
        source = image[:, ::-1] if self.flip else image
        planes = np.full((3, *self.size), pad_value, np.uint8)
        kept = resize_bilinear(source, self.resized, self.crop)
        for plane, channel in zip(planes, cv2.split(kept), strict=True):
            plane[: y1 - y0, : x1 - x0] = channel
        # Held as planes, it becomes the (3, H, W) tensor of a sample without another copy.
        return planes.transpose(1, 2, 0)

    def warp_polygons(self, polygons: list[list[float]]) -> list[np.ndarray]:
        """Mirrors, scales and clips polygons; they come back relative to the crop's corner."""
        scale = (self.resized[1] / self.source[1], self.resized[0] / self.source[0])
        moved = []
        for polygon in polygons:
            points = np.array(polygon, np.float64).reshape(-1, 2)
            if self.flip:
                points[:, 0] = self.source[1] - points[:, 0]
            moved.append((points * scale).reshape(-1))
        x0, y0 = self.crop[:2]
        return clip_polygons(moved, (x0, y0, x0 + self.size[1], y0 + self.size[0]))

    def warp_bitmap(self, mask: np.ndarray) -> np.ndarray:
        """Mirrors, resizes (nearest), crops and pads a (H, W) uint8 bitmap with 0."""
        x0, y0, x1, y1 = self.crop
        source = np.ascontiguousarray(mask[:, ::-1] if self.flip else mask)
        whole = resize_nearest(source, self.resized)
        output = np.zeros(self.size, np.uint8)
        output[: y1 - y0, : x1 - x0] = whole[y0:y1, x0:x1]
        return output


@TRANSFORMS.register_module()
class LargeScaleJitter(BaseTransform):
    """Mirrors, resizes by a wide range of scales, crops and pads an image with its instances.

    The numbers are those of the published pipeline: Pillow's bilinear filter, one crop fraction for both axes, grey
    padding before normalisation, polygons clipped as geometry and rasterised last, crowds left out, instances without
    any remaining piece left out. Only what the crop keeps is resized and rasterised.

    Required keys: `img` (H, W, 3) uint8, `instances` (`bbox_label`, `ignore_flag`, `mask` each). Added: `img` of the
    output size, `gt_masks` (BitmapMasks), `gt_bboxes` (N, 4) float32, `gt_bboxes_labels` (N,) int64, `img_shape`,
    `scale_factor`, `flip`, `flip_direction`.

    Args:
        size: (height, width) of the output.
        scale_range: Range of the uniform scale; 1 fits the image into the output.
        flip_prob: Probability of mirroring.
        pad_value: Grey level of the padding.
    """

    def __init__(
        self,
        size: tuple[int, int] = (1024, 1024),
        scale_range: tuple[float, float] = (0.1, 2.0),
        flip_prob: float = 0.5,
        pad_value: int = 128,
    ) -> None:
        self.size = tuple(size)
        self.scale_range = tuple(scale_range)
        self.flip_prob = flip_prob
        self.pad_value = pad_value

    @cache_randomness
    def draw(self) -> dict[str, float]:
        """Draws `flip`, `scale` and the crop's `fraction`."""
        return {
            "flip": bool(np.random.rand() < self.flip_prob),
            "scale": np.random.uniform(*self.scale_range),
            "fraction": np.random.rand(),
        }

    def transform(self, results: dict) -> dict:
        """Augments one image and its instances."""
        image = results["img"]
        geometry = JitterGeometry.from_draws(image.shape[:2], self.size, **self.draw())
        results["img"] = geometry.warp_image(image, self.pad_value)
        results["img_shape"] = self.size
        results["flip"] = geometry.flip
        results["flip_direction"] = "horizontal" if geometry.flip else None
        results["scale_factor"] = (geometry.resized[1] / geometry.source[1], geometry.resized[0] / geometry.source[0])
        instances = [i for i in results["instances"] if not i["ignore_flag"]]
        masks = np.zeros((len(instances), *self.size), np.uint8)
        boxes, labels = [], []
        for instance in instances:
            if (box := _draw_instance(masks[len(boxes)], instance["mask"], geometry)) is not None:
                boxes.append(box)
                labels.append(instance["bbox_label"])
        results["gt_masks"] = bitmap_masks(masks[: len(boxes)])
        results["gt_bboxes"] = np.array(boxes, np.float32).reshape(-1, 4)
        results["gt_bboxes_labels"] = np.array(labels, np.int64)
        return results


def _draw_instance(output: np.ndarray, mask: dict | list, geometry: JitterGeometry) -> list[float] | None:
    """Draws an instance after augmentation into a bitmap of zeros.

    Returns:
        Its box [x1, y1, x2, y2], or None, with nothing drawn, if nothing of the instance is left.
    """
    if isinstance(mask, dict):
        output[:] = geometry.warp_bitmap(mask_api.decode(mask))
        box = bitmap_box(output)
        return None if box[2] == 0 else box
    polygons = geometry.warp_polygons(mask)
    if not polygons:
        return None
    points = np.concatenate(polygons).reshape(-1, 2)
    box = [*points.min(axis=0), *points.max(axis=0)]
    if box[2] - box[0] <= MIN_BOX_SIDE or box[3] - box[1] <= MIN_BOX_SIDE:
        return None
    rasterise(polygons, output)
    return box
