"""Masks as pictures whose pixels are track numbers, as DAVIS has them and annotation tools read them."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_folder import whole_folder
from clipvis_core.inference.result import DrawnTracks
from clipvis_core.media.palette import track_color

MOST = 255  # tracks in pictures of 8 bits, of which 0 is the background
_PALETTE = bytes((0, 0, 0)) + bytes(value for number in range(1, MOST + 1) for value in track_color(number))
_OWN_NAME = re.compile(r"\d{5,}\.png")


def write_index_masks(
    drawn: DrawnTracks, folder: str | Path, *, progress: bool = True, stopped: threading.Event | None = None
) -> None:
    """Writes one PNG a frame, `00000.png` onwards by the frames' numbers in the source, at the source's resolution.

    A pixel is the track's number in the result list (from 1), in the colour of the overlay, and 0 where there is none.
    Where tracks overlap, the better score is seen. The folder is there whole or not at all, in place of
    one from an earlier run.

    Args:
        drawn: Tracks to show.
        folder: The folder to write.
        progress: Show a progress bar.
        stopped: Once it is set, the masks end with the frame at hand.

    Raises:
        InputError: The folder has other files in it, cannot be written, or a number over 255 is to be written.
    """
    folder = Path(folder)
    check_replaceable(folder)
    last = max(drawn.numbers, default=0)
    if last > MOST:
        raise InputError(f"{folder}: track {last} does not fit into 8 bits; raise --score-thr or lower --topk")
    frames = tqdm(drawn.result.numbers, "writing masks", unit="frame", disable=not progress)
    with whole_folder(folder) as new:
        for frame, number in enumerate(frames):
            picture = Image.fromarray(index_mask(drawn, frame))
            picture.putpalette(_PALETTE)
            picture.save(new / f"{number:05}.png")
            if stopped is not None and stopped.is_set():
                break


def index_mask(drawn: DrawnTracks, frame: int) -> np.ndarray:
    """The numbers of the tracks in one frame, uint8 `(H, W)`."""
    picture = np.zeros((drawn.result.height, drawn.result.width), dtype=np.uint8)
    for number, mask in reversed(list(zip(drawn.numbers, drawn.masks(frame), strict=True))):  # the best comes last
        picture[mask] = number
    return picture


def check_replaceable(folder: Path) -> None:
    """Nothing but what an earlier run wrote may be in the folder's place.

    Raises:
        InputError: Something else is.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: choose another --out-dir")
    other = next((path for path in folder.iterdir() if not _OWN_NAME.fullmatch(path.name)), None)
    if other is not None:
        raise InputError(f"{folder} holds {other.name}, which is no mask: choose another --out-dir")
