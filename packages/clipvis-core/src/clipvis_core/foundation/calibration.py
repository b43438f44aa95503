"""From what a model says of a track to how often such a track is right: fitted once for a file of weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from clipvis_core.foundation.errors import InputError

META_KEY = "calibration"
PLAIN_THRESHOLD = 0.3  # what is drawn where nothing was calibrated


@dataclass(frozen=True)
class Calibration:
    """A logistic model of whether a track's mask and name are right (`tools/calibrate.py` fits it).

    Attributes:
        contrast: Weight of the log-odds of a track's word against the best contrast word.
        objectness: Weight of the log-odds of its objectness.
        iou: Weight of the log-odds of its predicted mask IoU.
        quality: Weight of the log-odds of its mask quality.
        offset: Added to the weighted sum.
        lead: By how much, in log-odds, the best contrast word may lead before a track is no answer.
        threshold: Least calibrated score that is drawn by default.
    """

    contrast: float
    objectness: float
    iou: float
    quality: float
    offset: float
    lead: float = 0.0
    threshold: float = 0.5

    @classmethod
    def from_meta(cls, meta: Mapping[str, str], path: object = "the weights") -> Calibration | None:
        """That of a file of weights, from its facts; None where it has none.

        Raises:
            InputError: It cannot be read.
        """
        if META_KEY not in meta:
            return None
        try:
            return cls(**{name: float(value) for name, value in json.loads(meta[META_KEY]).items()})
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: its calibration ({error}) cannot be read: fit it again") from None

    def to_meta(self) -> dict[str, str]:
        """The fact that a file of weights keeps."""
        return {META_KEY: json.dumps({name: round(value, 4) for name, value in asdict(self).items()})}


def shown_from(calibration: Calibration | None, *, has_contrast: bool) -> float:
    """Least score that is drawn by default: what the calibration says of calibrated scores, or 0.3."""
    return calibration.threshold if calibration is not None and has_contrast else PLAIN_THRESHOLD
