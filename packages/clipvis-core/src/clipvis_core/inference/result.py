"""What the inferencer returns: tracks with names, scores and masks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from pycocotools import mask as coco_mask
from torch import Tensor

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.duplicates import distinct, is_steady
from clipvis_core.media import FrameSource, draw_tracks
from clipvis_core.tracking import VideoTracks, encode_masks

if TYPE_CHECKING:
    from mmengine.structures import InstanceData

    from clipvis_core.inference.asking import Asker, Categories


@dataclass(frozen=True)
class TrackSummary:
    """One line of the table of tracks.

    Attributes:
        track: 1-based position in the result list.
        label: Name of the category.
        score: Shown score.
        first: Number of the first frame with a mask, in the source from 0.
        last: Number of the last frame with a mask.
    """

    track: int
    label: str
    score: float
    first: int
    last: int


@dataclass(frozen=True)
class SegmentationResult:
    """All top tracks of one video or image.

    Attributes:
        name: Name of the source.
        height: Height of the masks, the source's.
        width: Width of the masks, the source's.
        frame_rate: Frames a second.
        num_frames: T, frames that were decoded.
        vocabulary: The categories that labels count in.
        tracks: Scores, labels and masks, best first.
        times: When each frame is shown, in seconds from the source's first; empty where nobody knows.
        frames: Place of each frame in the source, from 0; empty where all of them were taken.
        asker: What other words can be asked of, where features were kept.
    """

    name: str
    height: int
    width: int
    frame_rate: Fraction
    num_frames: int
    vocabulary: Vocabulary
    tracks: VideoTracks
    times: Sequence[float] = ()
    frames: Sequence[int] = ()
    asker: Asker | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        source: FrameSource,
        vocabulary: Vocabulary,
        tracks: VideoTracks,
        num_frames: int,
        times: Sequence[float] = (0.0,),
        asker: Asker | None = None,
        frames: Sequence[int] = (),
    ) -> SegmentationResult:
        """The result of a source, of which `num_frames` were taken, by default all from the first on."""
        if all(number == place for place, number in enumerate(frames)):
            frames = ()
        facts = (source.name, source.height, source.width, source.frame_rate)
        return cls(*facts, num_frames, vocabulary, tracks, times, frames, asker)

    @property
    def numbers(self) -> Sequence[int]:
        """Place of each frame in the source, from 0."""
        return self.frames or range(self.num_frames)

    def ask(self, vocabulary: Categories, *, contrast: Vocabulary | str | Path | None = "auto") -> SegmentationResult:
        """What the video's answer is for other words, without the network; see `Asker.ask`.

        Raises:
            InputError: No features were kept, or the encoder cannot read a word.
        """
        if self.asker is None:
            raise InputError("no features were kept of this video: segment it again with keep_features=True")
        return replace(self.asker.ask(vocabulary, contrast=contrast), frames=self.frames)

    def records(self, video_id: int = 1) -> list[dict]:
        """The YouTube-VIS result list, ready for JSON: all tracks, whatever their score."""
        return list(self.iter_records(video_id))

    def iter_records(self, video_id: int = 1) -> Iterator[dict]:
        """The same one record at a time, so that no more than one track's masks are in memory."""
        tracks = self.tracks
        for index, (score, label) in enumerate(zip(tracks.scores.tolist(), tracks.labels.tolist(), strict=True)):
            query = int(tracks.queries[index])
            record = {"video_id": video_id, "score": score, "category_id": label + 1, "query": query}
            if tracks.calibrated is not None:
                record["calibrated_score"] = float(tracks.calibrated[index])
            yield {**record, "segmentations": list(tracks.segmentations[index])}

    def write_json(self, file: BinaryIO) -> None:
        """Writes the result list as JSON."""
        separator = b"["
        for record in self.iter_records():
            file.write(separator + json.dumps(record).encode("ascii"))
            separator = b", "
        file.write(b"]" if separator == b", " else b"[]")

    def drawn(self, score_thr: float, *, all_tracks: bool = False) -> DrawnTracks:
        """The tracks to show, best first: shown score at least `score_thr` and above 0, each thing once.

        A query is shown under its best name only, of tracks on one thing (`duplicates.distinct`) the best one, and
        none that flickers (`duplicates.is_steady`).

        Args:
            score_thr: Least score: the calibrated one where there are contrast words, else the published one.
            all_tracks: Leave nothing out but queries' further names.
        """
        scores, segmentations = self.shown_scores.tolist(), self.tracks.segmentations
        best: dict[int, int] = {}
        for index, query in enumerate(self.tracks.queries.tolist()):
            if scores[index] >= score_thr and (scores[index] > 0 or self.tracks.calibrated is None):
                best.setdefault(query, index)
        indices = sorted(best.values(), key=lambda index: -scores[index])
        if all_tracks:
            return DrawnTracks(self, [index for index in indices if any(segmentations[index])])
        indices = [index for index in indices if is_steady(segmentations[index], self.num_frames)]
        labels = self.tracks.labels[indices].tolist()
        kept = distinct([segmentations[index] for index in indices], labels, self.num_frames)
        return DrawnTracks(self, [indices[place] for place in kept])

    @property
    def shown_scores(self) -> Tensor:
        """What tracks are chosen and shown by, `(N,)`: calibrated scores where there are contrast words."""
        return self.tracks.scores if self.tracks.calibrated is None else self.tracks.calibrated

    def masks(self, frame: int, tracks: list[int]) -> np.ndarray:
        """Masks of some tracks in one frame, bool `(N, H, W)`."""
        masks = np.zeros((len(tracks), self.height, self.width), dtype=bool)
        for slot, index in enumerate(tracks):
            segment = self.tracks.segmentations[index][frame]
            if segment is not None:
                masks[slot] = coco_mask.decode(segment)
        return masks


@dataclass(frozen=True)
class DrawnTracks:
    """The tracks of a result that are shown; overlay, table and mask pictures are made of these.

    Attributes:
        result: All tracks.
        indices: Places of the N tracks in the result list, from 0, best first.
    """

    result: SegmentationResult
    indices: list[int]

    @property
    def numbers(self) -> list[int]:
        """Places in the result list, from 1, by which tracks are called."""
        return [index + 1 for index in self.indices]

    @property
    def labels(self) -> list[str]:
        """Name of each track's category."""
        return [self.result.vocabulary.names[label] for label in self.result.tracks.labels[self.indices].tolist()]

    @property
    def scores(self) -> list[float]:
        """Shown scores."""
        return self.result.shown_scores[self.indices].tolist()

    def first(self, count: int) -> DrawnTracks:
        """The best `count` of them."""
        return DrawnTracks(self.result, self.indices[:count])

    def masks(self, frame: int) -> np.ndarray:
        """Masks in one frame, bool `(N, H, W)`."""
        return self.result.masks(frame, self.indices)

    def draw(self, image: np.ndarray, frame: int) -> np.ndarray:
        """The tracks drawn on their frame, RGB uint8 `(H, W, 3)`."""
        return draw_tracks(image, self.masks(frame), self.numbers, self.labels, self.scores)

    def summary(self) -> list[TrackSummary]:
        """A line for each track."""
        lines, numbers = [], self.result.numbers
        for index, number, label, score in zip(self.indices, self.numbers, self.labels, self.scores, strict=True):
            frames = [t for t, mask in enumerate(self.result.tracks.segmentations[index]) if mask is not None]
            lines.append(TrackSummary(number, label, score, first=numbers[frames[0]], last=numbers[frames[-1]]))
        return lines


def tracks_of_image(found: InstanceData) -> VideoTracks:
    """What the image model found (see `CLIPVISImage.predict`), as tracks of one frame."""
    filled = found.masks.flatten(1).any(dim=1).tolist()
    masks = zip(encode_masks(found.masks), filled, strict=True)
    segmentations = [[mask if any_pixel else None] for mask, any_pixel in masks]
    calibrated = found.calibrated.cpu() if "calibrated" in found else None
    return VideoTracks(found.scores.cpu(), found.labels.cpu(), found.queries.cpu(), segmentations, calibrated)
