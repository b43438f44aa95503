"""Clips from photographs: the camera moves over a photo, and pasted objects of another move in front of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from torch.utils.data import Dataset

from clipvis_data.transforms.clips import ABSENT_ID, PackClip
from clipvis_data.transforms.masks import bitmap_box, bitmap_masks


@dataclass(frozen=True)
class Window:
    """What the camera sees of a photo: a part with the photo's proportions.

    Attributes:
        left: Distance from the photo's left edge, in pixels.
        top: Distance from its upper edge.
        share: Width and height relative to the photo's, at most 1.
    """

    left: float
    top: float
    share: float

    @classmethod
    def draw(cls, size: tuple[int, int], least_share: float) -> Window:
        """Draws a window that lies in a photo of (H, W)."""
        share = np.random.uniform(least_share, 1.0)
        room = 1.0 - share
        return cls(np.random.uniform(0, room * size[1]), np.random.uniform(0, room * size[0]), share)

    def towards(self, other: Window, fraction: float) -> Window:
        """The window that far on the straight way to another."""
        return Window(
            *(
                (1 - fraction) * here + fraction * there
                for here, there in zip(
                    (self.left, self.top, self.share),
                    (other.left, other.top, other.share),
                    strict=True,
                )
            )
        )

    def see(self, pixels: np.ndarray, interpolation: int) -> np.ndarray:
        """What lies in the window, enlarged to the size of the whole.

        Args:
            pixels: (H, W) or (H, W, C) uint8.
            interpolation: One of OpenCV's.
        """
        height, width = pixels.shape[:2]
        # Centres of pixels: cell 0 of the output covers `share` of a cell of the photo.
        shift = 0.5 * (self.share - 1)
        matrix = np.array([[self.share, 0, self.left + shift], [0, self.share, self.top + shift]], np.float64)
        return cv2.warpAffine(
            pixels,
            matrix,
            (width, height),
            flags=interpolation | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )


@dataclass(frozen=True)
class MovingObject:
    """An object cut out of a photo, and its way.

    Attributes:
        pixels: (h, w, 3) uint8, the object's box.
        mask: (h, w) uint8, 1 on the object.
        label: Its category.
        start: Centre (x, y) in the first frame, in pixels.
        step: What is added to the centre from frame to frame.
        growth: Factor of its size from frame to frame.
    """

    pixels: np.ndarray
    mask: np.ndarray
    label: int
    start: np.ndarray
    step: np.ndarray
    growth: float

    def put(self, image: np.ndarray, frame: int) -> np.ndarray:
        """Draws the object into an image of (H, W, 3).

        Returns:
            Where it is seen, bool `(H, W)`.
        """
        height, width = (max(1, round(n * self.growth**frame)) for n in self.mask.shape)
        mask = cv2.resize(self.mask, (width, height), interpolation=cv2.INTER_NEAREST)
        pixels = cv2.resize(self.pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        x, y = np.rint(self.start + frame * self.step - (width / 2, height / 2)).astype(int)
        rows = slice(max(y, 0), max(min(y + height, image.shape[0]), 0))
        columns = slice(max(x, 0), max(min(x + width, image.shape[1]), 0))
        seen = np.zeros(image.shape[:2], bool)
        if rows.start < rows.stop and columns.start < columns.stop:
            part = np.s_[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
            seen[rows, columns] = mask[part]
            np.copyto(image[rows, columns], pixels[part], where=seen[rows, columns, None])
        return seen


@TRANSFORMS.register_module()
class MovePhoto(BaseTransform):
    """Makes a clip of a photo, in mmdet's `MultiImageMixDataset`.

    The camera goes from one window of the photo to another. Objects of another photo move across it with their own
    speed and cover what lies below them. All frames have the same rows of instances, as `ClipInstanceTable` makes them.

    Required keys: `img` (H, W, 3) uint8, `img_id`, `img_path`, `ori_shape`, `gt_masks` (BitmapMasks),
        `gt_bboxes_labels` (N,), and `mix_results` with the same of an image of the same size, or with nothing.
        Afterwards lists over the frames: `img`, `gt_masks`, `gt_bboxes_labels`, `gt_instances_ids` (N,) int64, -1
        where an instance is not to be seen, and what the images' records have.

    Args:
        num_frames: T, the length of the clip.
        least_share: The smallest window's share of the photo's sides.
        prob: Probability of pasting.
        max_pasted: Most objects pasted; their number is drawn uniformly from 1.
        max_step: Farthest an object moves from frame to frame, in sides of the image.
        max_growth: Largest factor of an object's size from frame to frame; the smallest is its inverse.
        min_area: Of an instance of fewer pixels in a frame nothing is said there, and none is pasted.
    """

    #: What all frames of the clip have from the photo.
    KEPT = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "exhaustive")

    def __init__(
        self,
        num_frames: int = 2,
        least_share: float = 0.7,
        prob: float = 0.7,
        max_pasted: int = 6,
        max_step: float = 0.15,
        max_growth: float = 1.2,
        min_area: int = 100,
    ) -> None:
        self.num_frames = num_frames
        self.least_share = least_share
        self.prob = prob
        self.max_pasted = max_pasted
        self.max_step = max_step
        self.max_growth = max_growth
        self.min_area = min_area

    def get_indexes(self, dataset: Dataset) -> list[int]:
        """Draws the image to take objects from: none or one index (the wrapper's name for this)."""
        return [np.random.randint(len(dataset))] if np.random.rand() < self.prob else []

    def transform(self, results: dict) -> dict:
        """Makes the clip."""
        size = results["img"].shape[:2]
        first, last = (Window.draw(size, self.least_share) for _ in range(2))
        objects = [moving for other in results.get("mix_results", ()) for moving in self._cut_out(other)]
        labels = np.append(results["gt_bboxes_labels"], [moving.label for moving in objects]).astype(np.int64)
        images, tables, ids = [], [], []
        for frame in range(self.num_frames):
            window = first.towards(last, frame / max(self.num_frames - 1, 1))
            image, masks = _draw_frame(results, window, objects, frame)
            large = masks.sum(axis=(1, 2), dtype=np.int64) >= self.min_area
            images.append(image)
            tables.append(bitmap_masks(masks * large[:, None, None]))
            ids.append(np.where(large, np.arange(len(masks)), ABSENT_ID))
        clip = {key: [results[key]] * self.num_frames for key in self.KEPT if key in results}
        return {
            **clip,
            "img": images,
            "gt_masks": tables,
            "gt_bboxes_labels": [labels] * self.num_frames,
            "gt_instances_ids": ids,
            "frame_id": list(range(self.num_frames)),
            "file_name": [results["img_path"]] * self.num_frames,
        }

    def _cut_out(self, other: dict) -> list[MovingObject]:
        """Draws objects of another photo and their ways."""
        masks = other["gt_masks"].masks
        large = np.flatnonzero(masks.sum(axis=(1, 2), dtype=np.int64) >= self.min_area)
        most = min(len(large), self.max_pasted)
        chosen = np.random.permutation(large)[: np.random.randint(1, most + 1)] if most else large
        return [self._set_in_motion(other, index) for index in chosen]

    def _set_in_motion(self, other: dict, index: int) -> MovingObject:
        mask = other["gt_masks"].masks[index]
        x0, y0, x1, y1 = bitmap_box(mask)
        return MovingObject(
            pixels=other["img"][y0:y1, x0:x1],
            mask=np.ascontiguousarray(mask[y0:y1, x0:x1]),
            label=int(other["gt_bboxes_labels"][index]),
            start=np.array([x0 + x1, y0 + y1]) / 2,
            step=np.random.uniform(-self.max_step, self.max_step, 2) * mask.shape[::-1],
            growth=self.max_growth ** np.random.uniform(-1, 1),
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_frames={self.num_frames}, least_share={self.least_share}, prob={self.prob}, "
            f"max_pasted={self.max_pasted}, max_step={self.max_step}, max_growth={self.max_growth}, "
            f"min_area={self.min_area})"
        )


def _draw_frame(photo: dict, window: Window, objects: list[MovingObject], frame: int) -> tuple[np.ndarray, np.ndarray]:
    """One frame: its image (H, W, 3), and the visible part of all instances, uint8 `(N, H, W)`."""
    image = window.see(np.ascontiguousarray(photo["img"]), cv2.INTER_LINEAR)
    below = photo["gt_masks"].masks
    masks = np.zeros((len(below) + len(objects), *image.shape[:2]), np.uint8)
    for output, mask in zip(masks, below, strict=False):
        output[:] = window.see(mask, cv2.INTER_NEAREST)
    for row, moving in enumerate(objects, start=len(below)):
        seen = moving.put(image, frame)
        masks[:row, seen] = 0
        masks[row] = seen
    return image, masks


@TRANSFORMS.register_module()
class PackMovedPhoto(PackClip):
    """`PackClip` for `MovePhoto`: a clip also says whether all that it shows is annotated (`exhaustive`)."""

    VIDEO_KEYS = (*PackClip.VIDEO_KEYS, "exhaustive")
