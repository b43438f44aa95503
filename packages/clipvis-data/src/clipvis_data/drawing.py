"""Drawing dataset samples: the picture, its masks, boxes and labels."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from mmdet.structures import DetDataSample
from PIL import Image, ImageDraw, ImageFont


def draw_sample(sample: dict, names: Sequence[str]) -> list[np.ndarray]:
    """One (H, W, 3) uint8 RGB picture for each frame of a packed sample of an image or a video dataset.

    Args:
        sample: `inputs` (3, H, W) or (T, 3, H, W) uint8 RGB, and `data_samples`.
        names: Category names in label order.
    """
    inputs = sample["inputs"].numpy()
    if inputs.ndim == 3:
        return [draw_frame(inputs, sample["data_samples"], names)]
    return [draw_frame(image, frame, names) for image, frame in zip(inputs, sample["data_samples"], strict=True)]


def draw_frame(image: np.ndarray, frame: DetDataSample, names: Sequence[str]) -> np.ndarray:
    """Draws the instances of a frame (3, H, W) with ids from 0; a track keeps its colour from frame to frame."""
    canvas = image.transpose(1, 2, 0).astype(np.float32)
    instances = frame.get("gt_instances")
    if instances is None or "masks" not in instances:
        return canvas.astype(np.uint8)
    rows = range(len(instances.masks))
    ids = instances.instances_ids.tolist() if "instances_ids" in instances else list(rows)
    drawn = [row for row in rows if ids[row] >= 0]
    colours = {row: colour(row) for row in drawn}
    for row in drawn:
        inside = instances.masks.masks[row].astype(bool)
        canvas[inside] = 0.5 * canvas[inside] + 0.5 * np.array(colours[row])
    picture = Image.fromarray(canvas.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    pen.font = ImageFont.load_default(size=max(10, picture.height // 50))
    boxes = instances.bboxes.tensor if hasattr(instances.bboxes, "tensor") else instances.bboxes
    for row in drawn:
        x0, y0, x1, y1 = boxes[row].tolist()
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colours[row])
        label = f"{names[int(instances.labels[row])]} {ids[row]}"
        pen.rectangle(pen.textbbox((x0 + 1, y0), label), fill=(0, 0, 0))
        pen.text((x0 + 1, y0), label, fill=colours[row])
    return np.asarray(picture)


def colour(number: int) -> tuple[int, int, int]:
    """A bright RGB colour; neighbouring numbers get distant hues."""
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618034 % 1.0, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
