"""Each track cut out of its video, on transparency."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from pycocotools import mask as mask_api
from tqdm import tqdm

from clipvis_core.exports.alpha_video import PRORES, VP9, AlphaCodec, AlphaWriter
from clipvis_core.exports.crops import folder_name
from clipvis_core.exports.frame_files import frame_name
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.selection import Clip, Selection, Track

_MARGIN = 8  # pixels around a mask that keep their colour in videos, whose colour is coarser than their alpha
_COMPRESSION = 3  # of PNG: half the time of the default for a few per cent of size


def write_pngs(selection: Selection, folder: Path, options: Options) -> None:
    """Writes `001-dog/00000.png` and so on: RGBA of the source's size, a picture a frame of the whole video.

    Alpha is 255 in the mask and 0 elsewhere, where the colour is black.

    Raises:
        InputError: The video is gone.
    """
    (clip,) = selection.clips
    for track in clip.tracks:
        (folder / folder_name(track)).mkdir()
    for frame, image in enumerate(_images(clip, options)):
        for track in clip.tracks:
            path = folder / folder_name(track) / frame_name(frame, ".png")
            Image.fromarray(cut_out(image, _mask(track, clip, frame))).save(path, compress_level=_COMPRESSION)


def write_videos(codec: AlphaCodec, selection: Selection, folder: Path, options: Options) -> None:
    """Writes a video with alpha a track: `001-dog.mov` or `001-dog.webm`, timed as the source from the first frame on.

    Raises:
        InputError: The video is gone, or the disk is full.
    """
    (clip,) = selection.clips
    rate = clip.answer.result.frame_rate
    with ExitStack() as stack:
        writers = [
            stack.enter_context(AlphaWriter(folder / f"{folder_name(track)}{codec.suffix}", codec, rate))
            for track in clip.tracks
        ]
        for frame, image in enumerate(_images(clip, options)):
            for track, writer in zip(clip.tracks, writers, strict=True):
                picture = cut_out(image, _mask(track, clip, frame), margin=_MARGIN)
                writer.write(picture, clip.time(frame) - clip.time(0))


def cut_out(image: np.ndarray, mask: np.ndarray, *, margin: int = 0) -> np.ndarray:
    """A masked picture on transparency.

    Args:
        image: RGB uint8 (H, W, 3).
        mask: uint8 (H, W), 0 or 1.
        margin: Pixels around the mask that keep their colour, with alpha 0.

    Returns:
        RGBA uint8 (H, W, 4).
    """
    kept = cv2.dilate(mask, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)) if margin else mask
    return np.dstack([image * kept[:, :, None], mask * np.uint8(255)])


def _images(clip: Clip, options: Options) -> tqdm:
    return tqdm(clip.images(), "cutting out", clip.num_frames, unit="frame", disable=not options.progress)


def _mask(track: Track, clip: Clip, frame: int) -> np.ndarray:
    mask = track.masks[frame]
    return np.zeros((clip.height, clip.width), np.uint8) if mask is None else mask_api.decode(mask)


RGBA = Kind("rgba", "each track cut out, PNG with alpha", write_pngs, pixels=True)
RGBA_MOV = Kind("rgba-mov", "each track cut out, ProRes 4444", partial(write_videos, PRORES), pixels=True)
RGBA_WEBM = Kind("rgba-webm", "each track cut out, VP9 with alpha", partial(write_videos, VP9), pixels=True)
