"""Reading images as inference does: turned by their EXIF tag, 8 bits, on white where transparent, RGB."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from clipvis_core.foundation.images import rgb_of
from clipvis_data.paths import opened_image


@TRANSFORMS.register_module()
class LoadRGBImage(BaseTransform):
    """Reads an image file as RGB; checks its size against the annotation file before decoding it.

    Required keys: `img_path`, `height`, `width`. Added: `img` (H, W, 3) uint8, `img_shape`, `ori_shape`.
    """

    def transform(self, results: dict) -> dict:
        """Reads one image; raises what `read_rgb` does."""
        image = read_rgb(results["img_path"], results["height"], results["width"])
        results["img"] = image
        results["img_shape"] = results["ori_shape"] = image.shape[:2]
        return results


def read_rgb(path: str, height: int, width: int) -> np.ndarray:
    """Reads an image as (height, width, 3) uint8 RGB, turned by its EXIF tag, whose size must be that one.

    Raises:
        InputError: The file is missing, damaged, or of another size.
    """
    with opened_image(path, height, width) as image:
        return rgb_of(image)
