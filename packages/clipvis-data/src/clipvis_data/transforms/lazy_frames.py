"""Frames of a test video that are loaded when the model asks for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform, Compose
from mmdet.registry import TRANSFORMS

from clipvis_core.foundation.errors import InputError


class FrameSequence:
    """T frames that are read and transformed one at a time.

    It has a length and takes an index, as a tensor `(T, 3, H, W)` would. It is no `collections.abc.Sequence`, because
    mmengine's collating takes those apart.

    Args:
        records: What is known about each frame before it is loaded.
        transform: Turns a record into one with `img`.
        shape: (H, W) that every frame must have then.
    """

    def __init__(self, records: Sequence[dict], transform: Compose, shape: tuple[int, int]) -> None:
        self._records = records
        self._transform = transform
        self.shape = shape

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, frame: int) -> torch.Tensor:
        """Loads one frame, uint8 `(3, H, W)`.

        Raises:
            InputError: The file is missing, damaged, or of another size than the first frame.
        """
        record = self._records[frame]
        image = self._transform(dict(record))["img"]
        if image.shape[:2] != self.shape:
            raise InputError(
                f"frame {record.get('img_path', frame)}: {image.shape[:2]} after resizing, the "
                f"first frame {self.shape}; the frames of a video must have one size"
            )
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


@TRANSFORMS.register_module()
class LazyFrames(BaseTransform):
    """Takes the place of `TransformBroadcaster` in a test pipeline, where that would load all frames of a video.

    Only the first frame is loaded, for its size; `img` becomes a `FrameSequence`, which `PackClip` gives to the model
    as it is. So a video of any length takes a few kilobytes in the dataloader.

    Required keys: those of the transforms, as lists over frames. Added: `img`, and `img_shape`,
    `ori_shape` and `scale_factor` as lists over frames.

    Args:
        transforms: What is done with each frame, from loading on.
    """

    SHARED_KEYS = ("img_shape", "ori_shape", "scale_factor")

    def __init__(self, transforms: Sequence[dict]) -> None:
        self.transform_frame = Compose(transforms)

    def transform(self, results: dict) -> dict:
        """Prepares the frames of one video."""
        count = len(results["img_path"])
        keys = [key for key, value in results.items() if key != "instances" and len(value) == count]
        records = [{key: results[key][t] for key in keys} for t in range(count)]
        first = self.transform_frame(dict(records[0]))
        for key in self.SHARED_KEYS:
            if key in first:
                results[key] = [first[key]] * count
        results["img"] = FrameSequence(records, self.transform_frame, first["img"].shape[:2])
        return results
