"""Whether an object, once found, is carried by one track throughout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rlemasklib import RLEMask

from .ground_truth import GroundTruth, load_ground_truth
from .results_file import Prediction, iterate_predictions
from .rules import Benchmark, rules_for
from .tracks import Track, track_iou

LEAST_IOU = 0.5


@dataclass(frozen=True)
class Identity:
    """How well identities are kept.

    Attributes:
        objects: Annotated objects.
        found: Those with a track of their category and a spatio-temporal IoU of at least 0.5.
        kept: Those of the found ones that their track carries throughout: in each frame where some track overlaps
            the object with an IoU of at least 0.5, theirs does.
    """

    objects: int
    found: int
    kept: int

    @property
    def share(self) -> float | None:
        """Kept of the found ones; None if none was found."""
        return self.kept / self.found if self.found else None


def identity_of_files(
    ground_truth: str | Path, results: str | Path, *, benchmark: Benchmark, progress: bool = False
) -> Identity:
    """Measures a result file.

    Args:
        ground_truth: Annotation file in the YouTube-VIS form.
        results: Result list in the YouTube-VIS form.
        benchmark: Benchmark it belongs to.
        progress: Whether to show a progress bar.

    Raises:
        InputError: A file that is missing, broken or of another data set.
    """
    truth = load_ground_truth(ground_truth, benchmark, rules_for(benchmark, "corrected"))
    return identity_of_tracks(truth, iterate_predictions(results, truth, progress=progress))


def identity_of_tracks(truth: GroundTruth, predictions: Iterable[Prediction]) -> Identity:
    """See `Identity`; the order of the predictions does not matter."""
    by_video: dict[int, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        by_video[prediction.video_id].append(prediction)
    objects = found = kept = 0
    for (video, category), members in truth.tracks.items():
        for member in members:
            objects += 1
            carrier = _carrier(member.track, category, by_video[video])
            if carrier is not None:
                found += 1
                kept += _carries_throughout(member.track, carrier, by_video[video])
    return Identity(objects, found, kept)


def _carrier(target: Track, category: int, predictions: list[Prediction]) -> Prediction | None:
    """The prediction of the right category that overlaps the object most, if it is enough."""
    rated = [
        (track_iou(target, Track(prediction.masks), at_least=LEAST_IOU), prediction)
        for prediction in predictions
        if prediction.category_id == category
    ]
    best = max(rated, key=lambda pair: pair[0], default=(0.0, None))
    return best[1] if best[0] >= LEAST_IOU else None


def _carries_throughout(target: Track, carrier: Prediction, others: list[Prediction]) -> bool:
    for t, mask in enumerate(target.masks):
        if mask is None or not target.frame_areas[t]:
            continue
        if _iou(mask, carrier.masks[t]) < LEAST_IOU and any(
            _iou(mask, other.masks[t]) >= LEAST_IOU for other in others
        ):
            return False
    return True


def _iou(one: RLEMask, other: RLEMask | None) -> float:
    if other is None:
        return 0.0
    common = (one & other).area()
    union = one.area() + other.area() - common
    return common / union if union else 0.0
