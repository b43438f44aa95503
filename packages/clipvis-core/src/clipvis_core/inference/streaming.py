"""A video on its way through the inferencer: frame by frame now, as a whole at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from pycocotools import mask as coco_mask
from torch import Tensor
from tqdm import tqdm

from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.preprocessing import to_input
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.media import FrameSource
from clipvis_core.models import VideoSession
from clipvis_core.pipelining import ahead
from clipvis_core.tracking import FrameTracks

WINDOWS_AHEAD = 2  # windows of frames decoded and resized before the network asks for them


@dataclass(frozen=True)
class LiveTrack:
    """A track in one frame, as far as it is known by then.

    Attributes:
        id: Number from 1 that the track keeps.
        category_id: Position of its best name in the vocabulary, from 1.
        label: That name.
        score: Its score so far.
        segmentation: Its mask in this frame as a compressed RLE record at the source's resolution, or None.
    """

    id: int
    category_id: int
    label: str
    score: float
    segmentation: dict | None

    def mask(self) -> np.ndarray:
        """The mask, bool `(H, W)`; only where there is one."""
        return coco_mask.decode(self.segmentation).astype(bool)


class LiveFrame:
    """One frame and its tracks, best first.

    Attributes:
        index: Number of the frame, from 0.
        image: RGB uint8 `(H, W, 3)`, as it came.
    """

    def __init__(self, image: np.ndarray, found: FrameTracks, vocabulary: Vocabulary) -> None:
        self.index = found.frame
        self.image = image
        self._found = found
        self._names = vocabulary.names

    def tracks(self, score_thr: float = 0.0) -> list[LiveTrack]:
        """Tracks with at least this score; waits until their masks are encoded."""
        return [
            LiveTrack(track, label + 1, self._names[label], score, mask)
            for track, label, score, mask in zip(
                self._found.ids.tolist(),
                self._found.labels.tolist(),
                self._found.scores.tolist(),
                self._found.masks(),
                strict=True,
            )
            if score >= score_thr
        ]


class FrameStream:
    """Iterates over the frames of a source with their tracks; see `CLIPVISInferencer.stream`.

    Decoding and resizing go on in one thread, the network here, the encoding of masks in another. The frames can be
    iterated once.

    Args:
        source: The frames.
        session: The video in the model.
        size: Size of the network's input before padding, (H, W).
        window: Frames that go through the network at once.
        advance: Takes uint8 frames `(n, 3, *size)` through preprocessing and session.
        vocabulary: The categories.
        progress: Show a progress bar with frames a second.
    """

    def __init__(
        self,
        *,
        source: FrameSource,
        session: VideoSession,
        size: tuple[int, int],
        window: int,
        advance: Callable[[VideoSession, Tensor], list[FrameTracks]],
        vocabulary: Vocabulary,
        progress: bool,
    ) -> None:
        self._source = source
        self._session = session
        self._size = size
        self._window = window
        self._advance = advance
        self._vocabulary = vocabulary
        self._progress = progress
        self._frames = self._run()

    def __iter__(self) -> Iterator[LiveFrame]:
        return self._frames

    @property
    def temporary_bytes(self) -> int:
        """Size of the temporary files."""
        return 0 if self._session.tracker is None else self._session.tracker.temporary_bytes

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
        tracks = self._session.finish()
        return SegmentationResult(
            name=self._source.name,
            height=self._source.height,
            width=self._source.width,
            frame_rate=self._source.frame_rate,
            num_frames=len(self._session.tracker),
            vocabulary=self._vocabulary,
            tracks=tracks,
        )

    def _run(self) -> Iterator[LiveFrame]:
        windows = ahead(self._inputs(), depth=WINDOWS_AHEAD)
        bar = tqdm(total=self._source.num_frames, desc=self._source.name, unit="frame", disable=not self._progress)
        with bar:
            try:
                for images, inputs in windows:
                    found = self._advance(self._session, inputs)
                    bar.update(len(images))
                    for image, tracks in zip(images, found, strict=True):
                        yield LiveFrame(image, tracks, self._vocabulary)
            finally:
                windows.close()

    def _inputs(self) -> Iterator[tuple[list[np.ndarray], Tensor]]:
        """Groups of frames, and the same as the network takes them; the last may be shorter."""
        frames = iter(self._source)
        while window := list(islice(frames, self._window)):
            yield window, to_input(window, self._size)
