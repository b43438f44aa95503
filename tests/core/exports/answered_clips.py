"""Answered folders of pictures, made without a network."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core import Vocabulary
from clipvis_core.foundation.masks import record_of
from clipvis_core.inference import Answer, SegmentationResult
from clipvis_core.inference.output_folder import RESULTS, WORDS, OutputFolder
from clipvis_core.tracking import VideoTracks

HEIGHT, WIDTH, FRAMES = 40, 56, 6
WORDS_ASKED = (("dog", "puppy"), ("car",), ("lamp, tall/thin",))


def code(mask: np.ndarray) -> dict | None:
    """A mask as results.json has it."""
    return record_of(coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))) if mask.any() else None


def moving_masks() -> np.ndarray:
    """Masks of three tracks, bool (3, T, H, W): a ring, a thing of two parts that is away in frame 3, a square."""
    masks = np.zeros((3, FRAMES, HEIGHT, WIDTH), dtype=bool)
    for t in range(FRAMES):
        masks[0, t, 5:20, 2 + 3 * t : 20 + 3 * t] = True
        masks[0, t, 9:15, 7 + 3 * t : 13 + 3 * t] = False
        if t != 3:
            masks[1, t, 22:30, 30:36] = masks[1, t, 33:38, 40 : 44 + t] = True
        masks[2, t, 24 + t : 28 + t, 8:12] = True
    return masks


def answered(
    root: Path,
    name: str = "park",
    *,
    masks: np.ndarray | None = None,
    scores: tuple[float, ...] = (0.9, 0.6, 0.4),
    words: tuple[tuple[str, ...], ...] = WORDS_ASKED,
    score_thr: float = 0.3,
    places: tuple[int, ...] = (),
) -> Answer:
    """An output folder `root/out/NAME` of a folder of frames `root/videos/NAME`, read back.

    Track n is the n-th word's; the frames are noise on grey. `places` are those of the answered frames in the video, if
    these are not all.
    """
    masks = moving_masks() if masks is None else masks
    video = root / "videos" / name
    video.mkdir(parents=True)
    rng = np.random.default_rng(0)
    numbers = places or tuple(range(masks.shape[1]))
    for t in range(numbers[-1] + 1):
        Image.fromarray(rng.integers(90, 160, (*masks.shape[2:], 3), dtype=np.uint8)).save(video / f"{t}.png")
    tracks = VideoTracks(
        scores=torch.tensor(scores),
        labels=torch.arange(len(masks)) % len(words),
        queries=torch.arange(len(masks)),
        segmentations=[[code(mask) for mask in track] for track in masks],
    )
    num_frames, height, width = masks.shape[1:]
    facts = (name, height, width, Fraction(10), num_frames, Vocabulary(words), tracks)
    result = SegmentationResult(*facts, times=[number / 10 for number in numbers], frames=places)
    with OutputFolder(root / "out" / name, [RESULTS, WORDS], video=str(video)) as folder:
        with folder.file(WORDS) as file:
            file.write(result.vocabulary.to_json().encode())
        folder.describe(result, score_thr=score_thr, complete=True)
        with folder.file(RESULTS) as file:
            result.write_json(file)
    return Answer.read(root / "out" / name)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Of two masks."""
    first, second = first.astype(bool), second.astype(bool)
    return (first & second).sum() / max((first | second).sum(), 1)


def filled(mask: np.ndarray) -> np.ndarray:
    """A mask without its holes; a hole is not connected with the outside along pixels' edges."""
    from scipy.ndimage import binary_fill_holes

    return binary_fill_holes(mask)


def cvat_mask(element: Element, size: tuple[int, int]) -> np.ndarray:
    """A mask element of CVAT by the format's documentation: runs along the rows of the box, background first."""
    left, top, width, height = (int(element.get(key)) for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in element.get("rle").split(",")]
    canvas = np.zeros(size, dtype=bool)
    values = np.arange(len(runs)) % 2 == 1
    canvas[top : top + height, left : left + width] = values.repeat(runs).reshape(height, width)
    return canvas
