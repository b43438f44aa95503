"""What is exported: the chosen tracks of one or several answers, on one list of categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import numpy as np
from pycocotools import mask as mask_api

from clipvis_core.exports.names import UniqueNames
from clipvis_core.exports.review import Review
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.answer import Answer
from clipvis_core.inference.result import DrawnTracks
from clipvis_core.media import FramesAt, open_frames
from clipvis_core.pipelining import ahead

FRAMES_AHEAD = 4  # decoded while others are written


class NoTrackError(InputError):
    """There is no track to export."""


@dataclass(frozen=True)
class Track:
    """One exported track.

    Attributes:
        id: Its number among all tracks of the export, from 1.
        number: Its place in its results.json, from 1, by which the overlay calls it.
        category: Position of its category in the export's list, from 0.
        label: The category's name.
        score: Shown score.
        masks: T entries: a compressed RLE, or None where it is not seen.
    """

    id: int
    number: int
    category: int
    label: str
    score: float
    masks: Sequence[dict | None]

    @cached_property
    def frames(self) -> list[int]:
        """Frames in which it is seen."""
        return [frame for frame, mask in enumerate(self.masks) if mask is not None]


@dataclass(frozen=True)
class Clip:
    """One answered video of an export.

    Attributes:
        name: Name for its files; no other clip of the export has it.
        answer: What was written about it.
        drawn: The chosen tracks, best first.
        tracks: The same with masks and categories.
    """

    name: str
    answer: Answer
    drawn: DrawnTracks
    tracks: list[Track]

    @property
    def height(self) -> int:
        """Height of frames and masks, in pixels."""
        return self.answer.result.height

    @property
    def width(self) -> int:
        """Width of frames and masks, in pixels."""
        return self.answer.result.width

    @property
    def num_frames(self) -> int:
        """T."""
        return self.answer.result.num_frames

    def time(self, frame: int) -> float:
        """When a frame is shown, in seconds from the first."""
        result = self.answer.result
        return float(result.times[frame] if len(result.times) else frame / result.frame_rate)

    def number(self, frame: int) -> int:
        """Place of a frame in the source, from 0; another than here where a part of the video was answered."""
        return self.answer.result.numbers[frame]

    def origin(self, frame: int) -> dict[str, float]:
        """Where a frame is from: its place and time in the source."""
        return {"source_frame": self.number(frame), "time": self.time(frame)}

    def visible(self, frame: int) -> list[tuple[Track, dict]]:
        """The tracks that are seen in a frame, best first, with their masks."""
        return [(track, track.masks[frame]) for track in self.tracks if track.masks[frame] is not None]

    def images(self) -> Iterator[np.ndarray]:
        """The frames, RGB uint8 (H, W, 3), read again from the video.

        Raises:
            InputError: The video is gone or is no longer the one that was answered.
        """
        result, video = self.answer.result, self.answer.video
        if video is None:
            raise InputError(f"{self.answer.folder}: its video came once, so there are no pictures of it")
        if not video.exists():
            raise InputError(f"{video}, the video of {self.answer.folder}, is gone: put it back, or run clipvis again")
        source = open_frames(video, allow_truncated=True)
        read = 0
        if (source.height, source.width) == (result.height, result.width):
            with closing(ahead(FramesAt(source, result.numbers), depth=FRAMES_AHEAD)) as frames:
                for frame in frames:
                    read += 1
                    yield frame
        if read < result.num_frames:
            raise InputError(f"{video} is not the video that {self.answer.folder} is of: run clipvis on it again")


@dataclass(frozen=True)
class Selection:
    """What is exported together.

    Attributes:
        clips: The videos that have a chosen track.
        categories: Synonyms of each category, its name first.
    """

    clips: list[Clip]
    categories: list[tuple[str, ...]]

    @property
    def names(self) -> list[str]:
        """Name of each category."""
        return [words[0] for words in self.categories]


def select(
    answers: Sequence[Answer],
    *,
    all_tracks: bool = False,
    score_thr: float | None = None,
    min_score: float = 0.0,
    review: Review | None = None,
) -> Selection:
    """Chooses the tracks to export.

    Args:
        answers: Answers, in the order of the export.
        all_tracks: Also duplicates, parts of a thing and tracks that flicker.
        score_thr: Least score of the tracks to choose from; by default that of each run.
        min_score: Least score of those that are exported, unless they were accepted.
        review: Takes rejected tracks out and accepted ones in.

    Raises:
        NoTrackError: There is no such track.
        InputError: The review is not of these answers.
    """
    categories = joined_categories(answers)
    if review is not None:
        review.check(answers)
    names, ids, clips = UniqueNames(), count(1), []
    for answer in answers:
        drawn = answer.drawn(score_thr, all_tracks=all_tracks)
        scores = answer.result.shown_scores.tolist()
        indices = [index for index in drawn.indices if scores[index] >= min_score]
        if review is not None:
            indices = review.apply(answer, indices)
        drawn = DrawnTracks(answer.result, sorted(indices, key=lambda index: -scores[index]))
        tracks = _tracks(drawn, categories, ids)
        if tracks:
            clips.append(Clip(names(answer.result.name), answer, drawn, tracks))
    if not clips:
        where = answers[0].folder if len(answers) == 1 else f"{answers[0].folder} and {len(answers) - 1} more"
        raise NoTrackError(f"{where}: there is no such track; lower --score-thr or --min-score, or give --all-tracks")
    return Selection(clips, categories)


def joined_categories(answers: Sequence[Answer]) -> list[tuple[str, ...]]:
    """All categories of some answers, by name; no word stands in two of them."""
    lists = [words for answer in answers for words in answer.result.vocabulary.categories]
    joined: dict[str, list[str]] = {}
    for words in lists:
        joined.setdefault(words[0].casefold(), [words[0]])
    taken = set(joined)
    for name, *others in lists:
        for word in others:
            if word.casefold() not in taken:
                taken.add(word.casefold())
                joined[name.casefold()].append(word)
    return [tuple(words) for words in joined.values()]


def _tracks(drawn: DrawnTracks, categories: list[tuple[str, ...]], ids: Iterator[int]) -> list[Track]:
    position = {words[0].casefold(): place for place, words in enumerate(categories)}
    tracks = []
    for index, number, label, score in zip(drawn.indices, drawn.numbers, drawn.labels, drawn.scores, strict=True):
        masks = [_seen(mask) for mask in drawn.result.tracks.segmentations[index]]
        if any(masks):
            tracks.append(Track(next(ids), number, position[label.casefold()], label, score, masks))
    return tracks


def _seen(mask: dict | None) -> dict | None:
    """A mask with at least one pixel, or None."""
    return mask if mask is not None and mask_api.area(mask) else None
