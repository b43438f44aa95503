"""Tracks that start and end, for streams without an end."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clipvis_core.tracking.contrast_scores import ContrastScores
from clipvis_core.tracking.track_scores import is_hidden
from clipvis_core.tracking.tracks import FrameTracks


@dataclass(frozen=True)
class LiveRule:
    """When a track of a live stream starts and ends.

    Attributes:
        start_score: A track starts in the first frame whose own score (class, IoU, objectness and mask quality of
            that frame alone) reaches this.
        patience: A track ends after more than this many frames in a row below `start_score`; the query that carried
            it then starts a new one, with a new id: ids are never used again.
    """

    start_score: float = 0.3
    patience: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.start_score <= 1 or self.patience < 0:
            raise ValueError(
                f"start_score must be in [0, 1] and patience at least 0, got {self.start_score} and {self.patience}"
            )


class LiveTracks:
    """Divides the frames of each query into tracks with a start, an end and an id of their own.

    Scores and names count from a track's start: what the query was before does not matter.

    Args:
        rule: When tracks start and end.
        contrast: Judges tracks where there are contrast words.
    """

    def __init__(self, rule: LiveRule, contrast: ContrastScores | None = None) -> None:
        self.rule = rule
        self._contrast = contrast
        self._next_id = 1
        self._ids: Tensor | None = None

    def update(
        self,
        class_probs: Tensor,
        ious: Tensor,
        object_logits: Tensor,
        mask_sums: Tensor,
        mask_cells: Tensor,
        contrast_logits: Tensor | None = None,
    ) -> FrameTracks:
        """Takes in the next frame, as `FrameOutputs` gives it in track order, and says which tracks live."""
        joint = (class_probs * ious.unsqueeze(-1)).sqrt().nan_to_num()
        if self._ids is None:
            self._begin(joint)
        quality = mask_sums / (mask_cells + 1e-6)
        object_probs = object_logits.softmax(dim=-1)[:, 0]
        score = (joint.amax(dim=1) * object_probs).sqrt().nan_to_num() * quality
        seen = score >= self.rule.start_score
        self._missed = torch.where(seen, 0, self._missed + 1)
        self._ids[self._missed > self.rule.patience] = 0
        fresh = seen & (self._ids == 0)
        self._start(fresh)
        if contrast_logits is not None:
            self._contrast.restart(fresh)
            self._contrast.update(contrast_logits, class_probs, ious, object_logits, mask_sums, mask_cells)

        self._frames += 1
        self._class_sum += joint
        self._object_sum += object_logits.nan_to_num()
        self._mask_sum += mask_sums
        self._mask_cells += mask_cells
        return self._alive(class_probs, object_logits)

    def _begin(self, joint: Tensor) -> None:
        """All queries, without a track."""
        queries = len(joint)
        self._ids = torch.zeros(queries, dtype=torch.int64, device=joint.device)
        self._missed = torch.full_like(self._ids, self.rule.patience + 1)
        self._frames = torch.zeros_like(self._ids)
        self._class_sum = torch.zeros_like(joint)
        self._object_sum = joint.new_zeros((queries, 2))
        self._mask_sum = joint.new_zeros(queries)
        self._mask_cells = joint.new_zeros(queries)

    def _start(self, fresh: Tensor) -> None:
        """Gives new ids and forgets what these queries were before."""
        number = int(fresh.sum())
        self._ids[fresh] = torch.arange(self._next_id, self._next_id + number, device=self._ids.device)
        self._next_id += number
        for total in (self._frames, self._class_sum, self._object_sum, self._mask_sum, self._mask_cells):
            total[fresh] = 0

    def _alive(self, class_probs: Tensor, object_logits: Tensor) -> FrameTracks:
        queries = self._ids.nonzero().squeeze(1)
        frames = self._frames[queries].unsqueeze(-1)
        class_means, labels = (self._class_sum[queries] / frames).max(dim=1)
        objectness = (self._object_sum[queries] / frames).softmax(dim=-1)[:, 0]
        class_scores = (class_means * objectness).sqrt()
        quality = self._mask_sum[queries] / (self._mask_cells[queries] + 1e-6)
        return FrameTracks.best_first(
            ids=self._ids[queries],
            queries=queries,
            labels=labels,
            scores=class_scores * quality,
            hidden=is_hidden(class_probs[queries, labels], object_logits[queries], class_scores),
            contrast=self._contrast,
        )
