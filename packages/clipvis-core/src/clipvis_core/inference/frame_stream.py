"""A video that goes through a model: results frame by frame, and of the whole at the end."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from clipvis_core.inference.preprocessing import to_input
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.media import FrameSource
from clipvis_core.pipelining import ahead
from clipvis_core.tracking import FrameTracks, Tracker, VideoTracks

if TYPE_CHECKING:
    from clipvis_core.inference.keeping import Keeping
    from clipvis_core.models import CLIPVISVideo

WINDOWS_AHEAD = 2  # windows of frames decoded and resized before the network asks for them

_Frame = tuple[np.ndarray, float, int]  # RGB uint8 (H, W, 3), when it is shown, its place in the source


class FrameStream:
    """Iterates over the frames of a source with their tracks; see `CLIPVISInferencer.stream`.

    Yields pairs of a frame, RGB uint8 `(H, W, 3)` as it came, and its `FrameTracks`. Decoding and resizing go on in
    one thread, the network here, the encoding of masks in another. The frames can be iterated once. Frames of a live
    source go through the network one at a time, so that none waits for the next.

    Args:
        source: The frames.
        model: The network.
        tracker: The video's tracker, from `model.tracker`.
        progress: Show a progress bar with frames a second.
        keeping: Keeps the tracker's features, so that other words can be asked of the result.

    Attributes:
        time: When the latest frame is shown, in seconds from the first.
        number: Place of the latest frame in the source, from 0.
        times, numbers: The same for all frames so far; empty for a tracker that keeps nothing.
    """

    def __init__(
        self,
        source: FrameSource,
        model: CLIPVISVideo,
        tracker: Tracker,
        *,
        progress: bool,
        keeping: Keeping | None = None,
    ) -> None:
        self.source = source
        self.vocabulary = model.vocabulary
        self._model = model
        self._tracker = tracker
        self._progress = progress
        self._keeping = keeping
        self._frames = self._run()
        self.time = 0.0
        self.number = 0
        self.times = array("d")
        self.numbers = array("q")

    def __iter__(self) -> Iterator[tuple[np.ndarray, FrameTracks]]:
        return self._frames

    @property
    def temporary_bytes(self) -> int:
        """Size of the temporary files."""
        return self._tracker.temporary_bytes

    def close(self) -> None:
        """Takes no more frames; `result` then is that of the frames so far."""
        self._frames.close()

    def result(self) -> SegmentationResult:
        """The published result of the whole video; frames that were not asked for are taken in first.

        Raises:
            InputError: The source breaks off.
            ValueError: The stream was made with `keep=False`.
        """
        for _ in self._frames:
            pass
        tracks = self._tracker.finish()
        asker = None if self._keeping is None else self._keeping.finish(self.times)
        return SegmentationResult.of(
            self.source,
            self.vocabulary,
            tracks,
            num_frames=len(self._tracker),
            times=self.times,
            frames=self.numbers,
            asker=asker,
        )

    def seen(self) -> SegmentationResult:
        """The frames so far without their tracks, also of a stream that keeps nothing."""
        nothing = torch.empty(0)
        tracks = VideoTracks(nothing, nothing.long(), nothing.long(), [])
        return SegmentationResult.of(self.source, self.vocabulary, tracks, len(self._tracker), self.times)

    def _run(self) -> Iterator[tuple[np.ndarray, FrameTracks]]:
        images: deque[_Frame] = deque()
        bar = tqdm(total=self.source.num_frames, desc=self.source.name, unit="frame", disable=not self._progress)
        with bar, closing(ahead(self._windows(), depth=WINDOWS_AHEAD)) as windows:
            for tracks in self._model.track(self._inputs(windows, images), self._tracker):
                bar.update()
                image, self.time, self.number = images.popleft()
                if self._tracker.keeps:
                    self.times.append(self.time)
                    self.numbers.append(self.number)
                yield image, tracks

    def _windows(self) -> Iterator[tuple[list[_Frame], Tensor]]:
        """Groups of frames with times and numbers, and the same resized, uint8 `(n, 3, H, W)`."""
        frames = ((frame, self.source.time, self.source.number) for frame in self.source)
        size = 1 if self.source.live else self._model.window
        while window := list(islice(frames, size)):
            yield window, self._model.staged(to_input([frame for frame, *_ in window], self._tracker.sizes.image))

    def _inputs(self, windows: Iterator[tuple[list[_Frame], Tensor]], images: deque[_Frame]) -> Iterator[Tensor]:
        """What the network takes; the frames themselves go to `images`."""
        for frames, resized in windows:
            images.extend(frames)
            yield self._model.prepare(resized)
