"""Tracks drawn on their video: those of a result, and those of a frame as they are known by then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask
from tqdm import tqdm

from clipvis_core.inference.result import DrawnTracks
from clipvis_core.media import ContactSheet, FrameSource, VideoWriter, draw_tracks
from clipvis_core.pipelining import ahead
from clipvis_core.tracking.tracks import shown_score

FRAMES_AHEAD = 4  # decoded while others are drawn


def write_overlay(
    drawn: DrawnTracks,
    source: FrameSource,
    path: str | Path,
    *,
    sheet: ContactSheet | None = None,
    progress: bool = True,
    stopped: threading.Event | None = None,
) -> None:
    """Writes the video with masks, labels and scores drawn on it, and its sound.

    Args:
        drawn: Tracks to show.
        source: The frames, read a second time; as many as were segmented are drawn.
        path: Video file to write.
        sheet: Is offered each drawn frame.
        progress: Show a progress bar.
        stopped: Once it is set, the video ends with the frame at hand.

    Raises:
        InputError: The file cannot be written or the frames cannot be read again.
    """
    result = drawn.result
    bar = tqdm(total=result.num_frames, desc="drawing", unit="frame", disable=not progress)
    sound = source.sound() if len(result.times) else None
    with bar, VideoWriter(path, result.frame_rate, result.height, result.width, sound=sound) as writer:
        for t, frame in enumerate(overlay_frames(drawn, source)):
            writer.write(frame, result.times[t] if len(result.times) else None)
            if sheet is not None:
                sheet.add(frame)
            bar.update(1)
            if stopped is not None and stopped.is_set():
                break


def overlay_frames(drawn: DrawnTracks, source: FrameSource) -> Iterator[np.ndarray]:
    """The source's frames, RGB uint8 `(H, W, 3)`, with the tracks drawn."""
    with closing(ahead(source, depth=FRAMES_AHEAD)) as frames:
        for t, frame in enumerate(islice(frames, drawn.result.num_frames)):
            yield drawn.draw(frame, t)


def draw_records(image: np.ndarray, records: list[dict]) -> np.ndarray:
    """A frame, RGB uint8 `(H, W, 3)`, with the tracks of `FrameTracks.records` drawn."""
    shown = [record for record in records if record["segmentation"] is not None]
    masks = np.zeros((len(shown), *image.shape[:2]), dtype=bool)
    for slot, record in enumerate(shown):
        masks[slot] = coco_mask.decode(record["segmentation"])
    ids, labels = ([record[key] for record in shown] for key in ("id", "label"))
    return draw_tracks(image, masks, ids, labels, [shown_score(record) for record in shown])
