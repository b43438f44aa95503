"""A result drawn on its video."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from clipvis_core.inference.result import SegmentationResult
from clipvis_core.inference.streaming import LiveFrame
from clipvis_core.media import ContactSheet, FrameSource, VideoWriter, draw_tracks
from clipvis_core.pipelining import ahead

FRAMES_AHEAD = 4  # decoded while others are drawn


def write_overlay(
    result: SegmentationResult,
    source: FrameSource,
    path: str | Path,
    *,
    score_thr: float,
    sheet: ContactSheet | None = None,
    progress: bool = True,
) -> None:
    """Writes the video with masks, labels and scores drawn on it.

    Args:
        result: Tracks of the source.
        source: The frames, read a second time; as many as were segmented are drawn.
        path: Video file to write.
        score_thr: Tracks below it are not drawn.
        sheet: Is offered each drawn frame.
        progress: Show a progress bar.

    Raises:
        InputError: The file cannot be written or the frames cannot be read again.
    """
    bar = tqdm(total=result.num_frames, desc="drawing", unit="frame", disable=not progress)
    with bar, VideoWriter(path, result.frame_rate, result.height, result.width) as writer:
        for frame in overlay_frames(result, source, score_thr=score_thr):
            writer.write(frame)
            if sheet is not None:
                sheet.add(frame)
            bar.update(1)


def overlay_frames(result: SegmentationResult, source: FrameSource, *, score_thr: float) -> Iterator[np.ndarray]:
    """The source's frames, RGB uint8 `(H, W, 3)`, with the visible tracks drawn."""
    tracks = result.visible(score_thr)
    names = [result.vocabulary.names[int(result.tracks.labels[index])] for index in tracks]
    scores = [float(result.tracks.scores[index]) for index in tracks]
    numbers = [index + 1 for index in tracks]
    frames = ahead(source, depth=FRAMES_AHEAD)
    for t, frame in enumerate(islice(frames, result.num_frames)):
        yield draw_tracks(frame, result.masks(t, tracks), numbers, names, scores)
    frames.close()


def draw_live(frame: LiveFrame, *, score_thr: float) -> np.ndarray:
    """A frame of a stream, RGB uint8 `(H, W, 3)`, with the tracks drawn as they are known by then."""
    tracks = [track for track in frame.tracks(score_thr) if track.segmentation is not None]
    masks = [track.mask() for track in tracks]
    return draw_tracks(
        frame.image,
        np.stack(masks) if masks else np.zeros((0, *frame.image.shape[:2]), bool),
        [track.id for track in tracks],
        [track.label for track in tracks],
        [track.score for track in tracks],
    )
