"""The best of a few tracks for each annotated object, as an mmdet metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.registry import METRICS
from mmengine.logging import print_log

from clipvis_core.foundation.errors import InputError

from ..best_tracks import BestTrack, best_tracks, numbers
from ..ground_truth import load_ground_truth
from ..rules import rules_for
from .track_records import TrackListMetric


@METRICS.register_module()
class BestTrackMetric(TrackListMetric):
    """How well the best of a few tracks covers each object of a YouTube-VIS json, which may annotate few of them.

    Logs a table of the objects; the figures are those of `clipvis_eval.best_tracks.numbers`.

    Args:
        num_tracks: Distinct tracks of a video that count, the best-scored ones.
        **kwargs: See `ResultListMetric`.

    Raises:
        InputError: `num_tracks` is not positive.
    """

    def __init__(self, *, num_tracks: int = 20, **kwargs: Any) -> None:
        super().__init__(benchmark="ytvis2019", prefix=kwargs.pop("prefix", "best_track"), **kwargs)
        if num_tracks < 1:
            raise InputError(f"num_tracks must be at least 1, not {num_tracks}")
        self.num_tracks = num_tracks

    def evaluate_records(self, records: list[dict]) -> dict[str, float]:
        """The figures over all objects."""
        rules = rules_for("ytvis2019", "corrected")
        truth = load_ground_truth(self.ann_file, "ytvis2019", rules)
        found = best_tracks(truth, self.predictions(records, truth), num_tracks=self.num_tracks)
        if not found:
            raise InputError(f"{truth.source}: no object is annotated that a track could cover")
        print_log(as_table(found), logger="current")
        return numbers(found)


def as_table(found: Sequence[BestTrack]) -> str:
    """One line an object: video, object, IoU, rank and name of its best track."""
    lines = [f"{'video':>5} {'object':<16} {'IoU':>5} {'rank':>4}  named"]
    for best in found:
        rank = "-" if best.rank is None else best.rank + 1
        named = best.named or "-"
        lines.append(f"{best.video_id:>5} {best.category:<16} {best.iou:>5.3f} {rank:>4}  {named}")
    return "\n".join(["best tracks", *lines])
