"""Video transforms: choosing the frames of a clip, its table of instances, resizing, flipping, packing.

After `ClipFrameSample` every value of the results is a list over frames, as mmdet's video transforms have it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.datasets.transforms import BaseFrameSample, PackTrackInputs
from mmdet.registry import TRANSFORMS
from pycocotools import mask as mask_api

from clipvis_core.foundation.images import resize_bilinear, resize_nearest, resized_size

from .lazy_frames import FrameSequence
from .masks import bitmap_box, bitmap_masks, rasterise

ABSENT_ID = -1


@TRANSFORMS.register_module()
class ClipFrameSample(BaseFrameSample):
    """Chooses the frames of a training clip.

    A reference frame is drawn uniformly; the others are drawn with replacement from the frames within `frame_range` of
    it, without the reference, and the clip is put in temporal order. A video of one frame gives that frame repeatedly
    (the published sampler fails there).

    Args:
        num_frames: Length T of the clip.
        frame_range: Largest distance from the reference frame, in frames.
    """

    def __init__(self, num_frames: int = 1, frame_range: int = 20) -> None:
        super().__init__()
        if num_frames < 1 or frame_range < 1:
            raise ValueError(f"num_frames {num_frames} and frame_range {frame_range} must be at least 1")
        self.num_frames = num_frames
        self.frame_range = frame_range

    def draw(self, video_length: int) -> list[int]:
        """Draws the frame numbers, in ascending order."""
        reference = int(np.random.randint(video_length))
        low = max(0, reference - self.frame_range)
        near = [t for t in range(low, min(video_length, reference + self.frame_range + 1)) if t != reference]
        others = np.random.choice(near or [reference], self.num_frames - 1, replace=True)
        return sorted([reference, *others.tolist()])

    def transform(self, video_infos: dict) -> dict:
        """Turns a video's record into lists over the chosen frames."""
        frames = self.draw(video_infos["video_length"])
        return dict(self.prepare_data({**video_infos, "images": list(video_infos["images"])}, frames))


@TRANSFORMS.register_module()
class ClipInstanceTable(BaseTransform):
    """Gives every frame of a clip the same rows of instances.

    The rows are the tracks that occur in any of the frames, crowds included; a frame's row is absent (id -1, no mask)
    where the track does not occur or is a crowd. Their order is that of a Python set of the ids, as in the published
    loader.

    Required keys: `instances`, a list over frames. The instances of each frame are replaced by the rows.

    Args:
        absent_label: Label of absent rows.
    """

    def __init__(self, absent_label: int = -1) -> None:
        self.absent_label = absent_label

    def transform(self, results: dict) -> dict:
        """Builds the table."""
        track_ids = {instance["instance_id"] for instances in results["instances"] for instance in instances}
        results["instances"] = [self._rows(instances, track_ids) for instances in results["instances"]]
        return results

    def _rows(self, instances: list[dict], track_ids: set[int]) -> list[dict]:
        present = {i["instance_id"]: i for i in instances if not i["ignore_flag"]}
        absent = {"instance_id": ABSENT_ID, "bbox_label": self.absent_label, "mask": None}
        return [present.get(track_id, absent) for track_id in track_ids]


@TRANSFORMS.register_module()
class ResizeFrame(BaseTransform):
    """Resizes one frame so that its shorter side has a drawn length, with Pillow's bilinear filter.

    Required keys: `img` (H, W, 3) uint8. Added: `img`, `img_shape`, `scale_factor` (width, height).

    Args:
        short_sides: Lengths of the shorter side to draw from, in pixels.
        max_size: Longest longer side; the scale is reduced to keep to it.
    """

    def __init__(self, short_sides: int | Sequence[int], max_size: int = 1333) -> None:
        self.short_sides = (short_sides,) if isinstance(short_sides, int) else tuple(short_sides)
        self.max_size = max_size

    @cache_randomness
    def draw(self) -> int:
        """Draws the length of the shorter side."""
        return int(np.random.choice(self.short_sides))

    def transform(self, results: dict) -> dict:
        """Resizes one frame; its masks follow in `RasteriseRows`."""
        height, width = results["img"].shape[:2]
        new_height, new_width = resized_size(height, width, self.draw(), self.max_size)
        results["img"] = resize_bilinear(results["img"], (new_height, new_width))
        results["img_shape"] = (new_height, new_width)
        results["scale_factor"] = (new_width / width, new_height / height)
        return results


@TRANSFORMS.register_module()
class FlipFrame(BaseTransform):
    """Mirrors one frame left to right at random.

    Required keys: `img`. Added: `img`, `flip`, `flip_direction`.

    Args:
        prob: Probability of mirroring.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    @cache_randomness
    def draw(self) -> bool:
        """Draws whether to mirror."""
        return bool(np.random.rand() < self.prob)

    def transform(self, results: dict) -> dict:
        """Mirrors one frame; its masks follow in `RasteriseRows`."""
        results["flip"] = self.draw()
        results["flip_direction"] = "horizontal" if results["flip"] else None
        if results["flip"]:
            results["img"] = results["img"][:, ::-1]
        return results


@TRANSFORMS.register_module()
class RasteriseRows(BaseTransform):
    """Turns the rows of one frame into bitmaps at the size of the augmented frame.

    An RLE is decoded, resized (nearest) and mirrored; polygons are scaled, mirrored and filled last. A row without a
    pixel left becomes absent (id -1; its label stays).

    Required keys: `instances`, `ori_shape`, `img_shape`; `flip` if mirrored. Added: `gt_masks` (BitmapMasks),
    `gt_bboxes` (N, 4) float32, `gt_bboxes_labels` (N,) int64, `gt_instances_ids` (N,) int64.
    """

    def transform(self, results: dict) -> dict:
        """Rasterises one frame's rows."""
        rows = results["instances"]
        size = results["img_shape"]
        masks = np.zeros((len(rows), *size), np.uint8)
        boxes = np.zeros((len(rows), 4), np.float32)
        ids = np.full(len(rows), ABSENT_ID, np.int64)
        for i, row in enumerate(rows):
            if row["mask"] is None:
                continue
            _draw_row(masks[i], row["mask"], results["ori_shape"], results.get("flip", False))
            boxes[i] = bitmap_box(masks[i])
            if boxes[i, 2] > 0:
                ids[i] = row["instance_id"]
        results["gt_masks"] = bitmap_masks(masks)
        results["gt_bboxes"] = boxes
        results["gt_bboxes_labels"] = np.array([row["bbox_label"] for row in rows], np.int64)
        results["gt_instances_ids"] = ids
        return results


def _draw_row(output: np.ndarray, mask: dict | list, source: tuple[int, int], flip: bool) -> None:
    """Draws an RLE or polygons of a frame of size `source` into a (H, W) bitmap of zeros."""
    height, width = output.shape
    if isinstance(mask, dict):
        bitmap = resize_nearest(np.ascontiguousarray(mask_api.decode(mask)), (height, width))
        output[:] = bitmap[:, ::-1] if flip else bitmap
        return
    scale = (width / source[1], height / source[0])
    moved = [np.array(polygon, np.float64).reshape(-1, 2) * scale for polygon in mask]
    if flip:
        moved = [np.stack([width - points[:, 0], points[:, 1]], axis=1) for points in moved]
    rasterise([points.reshape(-1) for points in moved], output)


@TRANSFORMS.register_module()
class PackClip(PackTrackInputs):
    """Packs a clip: `inputs` (T, 3, H, W) uint8 and a `TrackDataSample` with one `DetDataSample` a frame.

    Frames of `LazyFrames` stay unloaded: `inputs` is their `FrameSequence`. What holds for the whole video
    (`VIDEO_KEYS` and `file_names`) is in the metainfo of the `TrackDataSample` as well.
    """

    VIDEO_KEYS = ("video_id", "video_length", "ori_video_length", "ori_shape", "img_shape", "scale_factor")
    FRAME_KEYS = (*VIDEO_KEYS, "img_id", "img_path", "file_name", "flip", "flip_direction", "frame_id")

    def __init__(self) -> None:
        super().__init__(default_meta_keys=self.FRAME_KEYS)

    def transform(self, results: dict) -> dict:
        """Packs lists over frames."""
        lazy = isinstance(results["img"], FrameSequence)
        frames = results.pop("img") if lazy else None
        packed = super().transform(results)
        packed["inputs"] = frames if lazy else packed["inputs"].contiguous()
        video = {key: results[key][0] for key in self.VIDEO_KEYS if key in results}
        packed["data_samples"].set_metainfo({**video, "file_names": list(results["file_name"])})
        return packed
