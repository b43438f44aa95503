"""Whether a track is an answer at all, and how far to believe it: its words against those nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clipvis_core.foundation.calibration import Calibration

_EPSILON = 1e-6
_MOST = 20.0  # log-odds beyond this are as good as certain


class ContrastScores:
    """Sums over frames of what is said about each query with K asked and M contrast words.

    Args:
        calibration: That of the weights. Without, the score is the published one (docs/model.md, equation 14) with the
            contrast words among the categories, and a track whose best word is a contrast word is no answer.
    """

    def __init__(self, calibration: Calibration | None = None) -> None:
        self.calibration = calibration
        self._num_asked = 0
        self._sums: tuple[Tensor, ...] | None = None
        self._frames: Tensor | None = None

    def __bool__(self) -> bool:
        """Whether there was a frame."""
        return self._sums is not None

    @classmethod
    def joined(cls, parts: Sequence[ContrastScores], order: np.ndarray) -> ContrastScores:
        """Sums of other queries as one; see `TrackScores.joined`."""
        joined = cls(parts[0].calibration)
        if all(parts):
            joined._num_asked = parts[0]._num_asked
            sums = (torch.cat(totals) for totals in zip(*(part._sums for part in parts), strict=True))
            rows = torch.from_numpy(order).to(parts[0]._frames.device)
            joined._sums = tuple(total[rows] for total in sums)
            joined._frames = torch.cat([part._frames for part in parts])[rows]
        return joined

    def update(self, *frame: Tensor) -> None:
        """Takes in a frame: what `update_frames` takes, of one frame alone."""
        self.update_frames(*(value[None] for value in frame))

    def update_frames(
        self,
        contrast_logits: Tensor,
        class_probs: Tensor,
        ious: Tensor,
        object_logits: Tensor,
        mask_sums: Tensor,
        mask_cells: Tensor,
    ) -> None:
        """Takes in n frames in track order: logits `(n, Q, K + M)`, then what `FrameOutputs.rows` gives of each."""
        self._num_asked = class_probs.shape[-1]
        joint = contrast_logits.softmax(dim=-1).mul_(ious.unsqueeze(-1)).sqrt_()
        asked_logits = contrast_logits[..., : self._num_asked]
        # A mask without a cell says nothing about how well words fit; then none of its logits is finite.
        named = asked_logits[..., 0].isfinite()
        fits = asked_logits.where(named.unsqueeze(-1), 0)
        values = (joint, fits, named.to(ious), ious, object_logits, mask_sums, mask_cells)
        sums = tuple(value.nan_to_num().sum(dim=0) for value in values)
        if self._sums is None:
            self._sums = tuple(torch.zeros_like(value) for value in sums)
            self._frames = torch.zeros_like(ious[0])
        for total, value in zip(self._sums, sums, strict=True):
            total += value
        self._frames += len(ious)

    def restart(self, queries: Tensor) -> None:
        """Forgets what some queries, bool `(Q,)`, were before."""
        if self:
            for total in (*self._sums, self._frames):
                total[queries] = 0

    def scores(self, queries: Tensor, labels: Tensor) -> Tensor:
        """Calibrated scores of N (query, asked word) pairs, float32 `(N,)` in [0, 1]; 0 for what is no answer."""
        queries, labels = queries.to(self._frames.device), labels.to(self._frames.device)
        features = self.features(queries, labels)
        if self.calibration is None:
            joint, _, _, _, object_logits, mask_sums, mask_cells = self._means(queries)
            words = joint.gather(1, labels.unsqueeze(-1)).squeeze(-1)
            scores = (words * object_logits.softmax(dim=-1)[:, 0]).sqrt() * mask_sums / (mask_cells + _EPSILON)
            return scores * (features[:, 0] >= 0)
        fitted = self.calibration
        weights = features.new_tensor([fitted.contrast, fitted.objectness, fitted.iou, fitted.quality, fitted.fit])
        return (features @ weights + fitted.offset).sigmoid() * (features[:, 0] >= -fitted.lead)

    def features(self, queries: Tensor, labels: Tensor) -> Tensor:
        """What the calibration weighs, `(N, 5)`.

        Four are log-odds: the pair's word against the best contrast word (of one frame: the difference of their
        logits), objectness, predicted mask IoU and mask quality. The last is the logit of the pair's word, of
        the frames whose mask can be named.
        """
        joint, fits, named, ious, object_logits, mask_sums, mask_cells = self._means(queries)
        word = joint.gather(1, labels.unsqueeze(-1)).squeeze(-1)
        best = joint[:, self._num_asked :].amax(dim=1)
        lead = 2 * ((word + _EPSILON) / (best + _EPSILON)).log()
        objectness = object_logits[:, 0] - object_logits[:, 1]
        quality = mask_sums / (mask_cells + _EPSILON)
        values = (lead, objectness, ious.logit(_EPSILON), quality.logit(_EPSILON))
        fit = fits.gather(1, labels.unsqueeze(-1)).squeeze(-1) / named.clamp(min=_EPSILON)
        return torch.cat([torch.stack(values, dim=1).clamp(-_MOST, _MOST), fit.unsqueeze(-1)], dim=1)

    def _means(self, queries: Tensor) -> tuple[Tensor, ...]:
        """Sums of the queries over their number of frames, a row each."""
        frames = self._frames[queries].clamp(min=1)
        return tuple(total[queries] / (frames if total.dim() == 1 else frames.unsqueeze(-1)) for total in self._sums)
