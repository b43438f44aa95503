"""Reading images as the published loaders do: Pillow, turned by their EXIF tag, RGB."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from PIL import Image, ImageOps

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.images import turned_size


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
    try:
        with Image.open(path) as image:
            found = turned_size(image)
            if found != (height, width):
                raise InputError(
                    f"{path} is {found[0]} x {found[1]} (height x width), but its annotation file "
                    f"says {height} x {width}; tools/prepare_data.py check lists all such files"
                )
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"image {path} does not exist; check data_root and data_prefix") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"image {path} cannot be read (damaged?): {error}") from None
