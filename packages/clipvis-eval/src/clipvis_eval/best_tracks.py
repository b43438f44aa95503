"""How well the best of a few tracks covers each annotated object, and whether it has the right name.

Track AP asks for every object of a video to be annotated: where one object is, each other track counts as false. This
asks only what a user sees who looks at a few tracks: is the object among them?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rlemasklib import RLEMask

from .ground_truth import GroundTruth, GroundTruthTrack
from .results_file import Prediction
from .tracks import Track, track_iou

FOUND_IOU = 0.5
"""Track IoU from which an object counts as found."""


@dataclass(frozen=True)
class BestTrack:
    """What became of one annotated object.

    Attributes:
        video_id: Its video.
        truth_id: Its annotation id.
        category: Its name.
        iou: Spatio-temporal IoU with the track that covers it best, 0 without any.
        named: Name of that track, the likeliest one; None without any.
        rank: How many of the video's tracks have a better score; None without any.
    """

    video_id: int
    truth_id: int
    category: str
    iou: float
    named: str | None
    rank: int | None

    @property
    def found(self) -> bool:
        """Whether the IoU reaches `FOUND_IOU`."""
        return self.iou >= FOUND_IOU

    @property
    def right(self) -> bool:
        """Whether the track has the object's name."""
        return self.named == self.category


def best_tracks(truth: GroundTruth, predictions: Iterable[Prediction], *, num_tracks: int = 20) -> list[BestTrack]:
    """Compares each object, crowds left out, with the best-scored distinct tracks of its video.

    Args:
        truth: The annotated objects.
        predictions: Scored tracks in any order; one track may stand here under several names.
        num_tracks: How many distinct tracks a video has; each has the name of its best-scored prediction.

    Returns:
        One entry an object, by video and annotation id.
    """
    by_video: dict[int, list[Prediction]] = {video: [] for video in truth.videos}
    for prediction in predictions:
        by_video[prediction.video_id].append(prediction)
    kept = {
        video: [(p, Track(p.masks)) for p in distinct_tracks(members, num_tracks)]
        for video, members in by_video.items()
    }
    found = [
        _best(truth, video, truth.categories[category], object_, kept[video])
        for (video, category), members in truth.tracks.items()
        for object_ in members
        if not object_.iscrowd
    ]
    return sorted(found, key=lambda best: (best.video_id, best.truth_id))


def distinct_tracks(predictions: Sequence[Prediction], count: int) -> list[Prediction]:
    """The `count` best-scored predictions of a video of which no two are the same track.

    Two are the same if they have the same mask in every frame in which both have one, and there is such a frame (a
    track may be hidden in a frame under one name and not under another).
    """
    kept: list[Prediction] = []
    for prediction in sorted(predictions, key=lambda p: -p.score):
        if len(kept) == count:
            break
        if not any(_same(prediction.masks, other.masks) for other in kept):
            kept.append(prediction)
    return kept


def numbers(found: Sequence[BestTrack]) -> dict[str, float]:
    """Figures of a set with at least one object.

    Returns:
        `mean_iou`; `found`, the number of objects found; `found_share`; `named_share`, the share of found objects
        that have the right name (left out if none is found).
    """
    hits = [best for best in found if best.found]
    result = {
        "mean_iou": sum(best.iou for best in found) / len(found),
        "found": float(len(hits)),
        "found_share": len(hits) / len(found),
    }
    if hits:
        result["named_share"] = sum(best.right for best in hits) / len(hits)
    return result


def _best(
    truth: GroundTruth, video: int, category: str, object_: GroundTruthTrack, tracks: Sequence[tuple[Prediction, Track]]
) -> BestTrack:
    ious = [track_iou(object_.track, track) for _, track in tracks]
    if not any(ious):
        return BestTrack(video, object_.id, category, 0.0, None, None)
    rank = max(range(len(ious)), key=ious.__getitem__)
    named = truth.categories[tracks[rank][0].category_id]
    return BestTrack(video, object_.id, category, ious[rank], named, rank)


def _same(one: Sequence[RLEMask | None], other: Sequence[RLEMask | None]) -> bool:
    both = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return bool(both) and all(a == b for a, b in both)
