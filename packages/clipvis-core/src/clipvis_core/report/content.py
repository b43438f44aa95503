"""What a page tells about an answer: which tracks are in it, their facts, and their masks by frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clipvis_core.inference.result import DrawnTracks, SegmentationResult
from clipvis_core.media.palette import SAFE_COLORS, hex_color, ink_on

MOST_TRACKS = 100
MOST_MASK_BYTES = 200_000_000
BLOCK = 20  # frames whose masks the page takes apart together


@dataclass(frozen=True)
class Content:
    """The tracks of a page and when each is there.

    Attributes:
        drawn: The tracks, best first.
        runs: For each track the frames where its runs of masks start and end (exclusive), `[start, end, start, ...]`.
        left_out: Number of weaker tracks that are not in the page.
    """

    drawn: DrawnTracks
    runs: list[list[int]]
    left_out: int

    @classmethod
    def of(cls, result: SegmentationResult, score_thr: float, *, all_tracks: bool = False) -> Content:
        """The tracks over any threshold, so that the viewer can move it, as far as a page has room.

        The best `MOST_TRACKS` are taken, and of these as many as have `MOST_MASK_BYTES` of masks; those that reach
        `score_thr` come first, because they are the best.
        """
        drawn = result.drawn(min(0.0, score_thr), all_tracks=all_tracks)
        room, runs = MOST_MASK_BYTES, []
        for index in drawn.indices[:MOST_TRACKS]:
            masks = result.tracks.segmentations[index]
            room -= sum(len(mask["counts"]) for mask in masks if mask is not None)
            if room < 0:
                break
            runs.append(presence_runs(masks))
        return cls(drawn.first(len(runs)), runs, left_out=len(drawn.indices) - len(runs))

    def facts(self, *, score_thr: float, complete: bool) -> dict:
        """What the page needs at once, ready for JSON."""
        result = self.drawn.result
        times = list(result.times) or [float(t / result.frame_rate) for t in range(result.num_frames)]
        facts = {
            "name": result.name,
            "width": result.width,
            "height": result.height,
            "frames": result.num_frames,
            "rate": float(result.frame_rate),
            "times": [round(time, 6) for time in times],
            "threshold": score_thr,
            "complete": complete,
            "media": "image" if result.num_frames == 1 else "video",
            "words": list(result.vocabulary.names),
            "block": BLOCK,
            "leftOut": self.left_out,
            "tracks": self._tracks(),
        }
        return facts | {"digest": hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}

    def _tracks(self) -> list[dict]:
        drawn, tracks = self.drawn, []
        labels = drawn.result.tracks.labels[drawn.indices].tolist()
        for place, (number, label, score) in enumerate(zip(drawn.numbers, labels, drawn.scores, strict=True)):
            turn, color = divmod(place, len(SAFE_COLORS))
            tracks.append(
                {
                    "number": number,
                    "word": label,
                    "score": score,
                    "color": hex_color(SAFE_COLORS[color]),
                    "ink": hex_color(ink_on(SAFE_COLORS[color])),
                    "round": turn,
                    "runs": self.runs[place],
                }
            )
        return tracks

    def mask_blocks(self) -> Iterator[str]:
        """Masks of `BLOCK` frames each: a line a frame, `place counts place counts ...` of its tracks.

        The letters of the run lengths are those from 0 to o in ASCII, so that no block can end a script element.
        """
        num_frames = self.drawn.result.num_frames
        for first in range(0, num_frames, BLOCK):
            yield "\n".join(self._line(frame) for frame in range(first, min(first + BLOCK, num_frames)))

    def _line(self, frame: int) -> str:
        segmentations = self.drawn.result.tracks.segmentations
        parts = []
        for place, index in enumerate(self.drawn.indices):
            mask = segmentations[index][frame]
            if mask is not None:
                counts = mask["counts"]
                parts += [str(place), counts.decode("ascii") if isinstance(counts, bytes) else counts]
        return " ".join(parts)


def presence_runs(masks: Sequence[dict | None]) -> list[int]:
    """Frames where runs of masks start and end.

    >>> presence_runs([None, {}, {}, None, {}])
    [1, 3, 4, 5]
    """
    runs, before = [], False
    for frame, mask in enumerate(masks):
        if (mask is not None) != before:
            runs.append(frame)
        before = mask is not None
    return [*runs, len(masks)] if before else runs
