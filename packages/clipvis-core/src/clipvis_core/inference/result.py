"""What the inferencer returns: tracks with names, scores and masks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from pycocotools import mask as coco_mask

from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.duplicates import distinct
from clipvis_core.tracking import VideoTracks


@dataclass(frozen=True)
class TrackSummary:
    """One line of the table of tracks.

    Attributes:
        track: 1-based position in the result list.
        label: Name of the category.
        score: Reported score.
        first: First frame with a mask, from 0; None if there is none.
        last: Last frame with a mask.
    """

    track: int
    label: str
    score: float
    first: int | None
    last: int | None


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
    """

    name: str
    height: int
    width: int
    frame_rate: Fraction
    num_frames: int
    vocabulary: Vocabulary
    tracks: VideoTracks

    def records(self, video_id: int = 1) -> list[dict]:
        """The YouTube-VIS result list, ready for JSON: all tracks, whatever their score."""
        return list(self.iter_records(video_id))

    def iter_records(self, video_id: int = 1) -> Iterator[dict]:
        """The same one record at a time, so that no more than one track's masks are in memory."""
        for score, label, segmentations in zip(
            self.tracks.scores.tolist(), self.tracks.labels.tolist(), self.tracks.segmentations, strict=True
        ):
            yield {"video_id": video_id, "score": score, "category_id": label + 1, "segmentations": list(segmentations)}

    def write_json(self, file: BinaryIO) -> None:
        """Writes the result list as JSON."""
        separator = b"["
        for record in self.iter_records():
            file.write(separator + json.dumps(record).encode("ascii"))
            separator = b", "
        file.write(b"]" if separator == b", " else b"[]")

    def visible(self, score_thr: float) -> list[int]:
        """Indices of the tracks to show, best first: score at least `score_thr`, each object once.

        A query is shown under its best name only, and of tracks that cover the same object (`duplicates.distinct`)
        the best one.
        """
        best: dict[int, int] = {}
        for index, (query, score) in enumerate(
            zip(self.tracks.queries.tolist(), self.tracks.scores.tolist(), strict=True)
        ):
            if score >= score_thr and any(self.tracks.segmentations[index]):
                best.setdefault(query, index)
        indices = sorted(best.values())
        segmentations = [self.tracks.segmentations[index] for index in indices]
        return [indices[place] for place in distinct(segmentations, self.num_frames)]

    def summary(self, score_thr: float) -> list[TrackSummary]:
        """Lines for the tracks that `visible` names."""
        lines = []
        for index in self.visible(score_thr):
            frames = [t for t, segment in enumerate(self.tracks.segmentations[index]) if segment is not None]
            lines.append(
                TrackSummary(
                    track=index + 1,
                    label=self.vocabulary.names[int(self.tracks.labels[index])],
                    score=float(self.tracks.scores[index]),
                    first=frames[0] if frames else None,
                    last=frames[-1] if frames else None,
                )
            )
        return lines

    def masks(self, frame: int, tracks: list[int]) -> np.ndarray:
        """Masks of some tracks in one frame, bool `(N, H, W)`."""
        masks = np.zeros((len(tracks), self.height, self.width), dtype=bool)
        for slot, index in enumerate(tracks):
            segment = self.tracks.segmentations[index][frame]
            if segment is not None:
                masks[slot] = coco_mask.decode(segment)
        return masks
