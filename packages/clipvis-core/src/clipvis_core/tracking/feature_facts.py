"""The header of a file of features: what asking needs to know besides the frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction

from clipvis_core.foundation.calibration import Calibration
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import is_number, is_whole, shown
from clipvis_core.foundation.records import MAX_IMAGE_PIXELS

FORMAT = 1
REMEDY = "run clipvis on the video again"
_MOST_QUERIES, _MOST_DIM = 2**15, 2**16


@dataclass(frozen=True)
class FeatureFacts:
    """What asking needs to know besides the frames.

    Attributes:
        name: Name of the source.
        height: Height of the masks, the source's.
        width: Width of the masks, the source's.
        frame_rate: Frames a second.
        topk: Most (query, category) pairs.
        weighted: Whether mask IoU and objectness weigh the scores; see `TrackScores`.
        logit_scale: Factor on cosines that makes them logits.
        encoder: Fingerprint of the encoder's text side.
        image: Whether it is an image, which is scored otherwise than a video (docs/model.md, equation 13).
        config: Name of the model's config in this repository, or its path; "" for one that is no file.
        checkpoint: Path of the weights; "" for random ones.
        calibration: That of the weights, or None.
        num_queries: Q; 0 before the first frame.
        dim: D, length of region vectors; 0 before the first frame.
    """

    name: str
    height: int
    width: int
    frame_rate: Fraction
    topk: int
    weighted: bool
    logit_scale: float
    encoder: str
    image: bool = False
    config: str = ""
    checkpoint: str = ""
    calibration: Calibration | None = None
    num_queries: int = 0
    dim: int = 0

    def to_json(self) -> bytes:
        """The header's content."""
        record = {"made_by": "clipvis", "format": FORMAT, **asdict(self), "frame_rate": str(self.frame_rate)}
        return json.dumps(record).encode()

    @classmethod
    def from_json(cls, content: bytes, name: object) -> FeatureFacts:
        """The facts of a header; nothing in it is trusted.

        Raises:
            InputError: A field is missing or out of bounds.
        """
        record = json_object(content, name)
        if record.pop("made_by", None) != "clipvis" or record.pop("format", None) != FORMAT:
            raise InputError(f"{name} is no file of features of this version: {REMEDY}")
        for field, is_good in _CHECKS.items():
            if field not in record or not is_good(record[field]):
                value = shown(record[field]) if field in record else "missing"
                raise InputError(f"{name}: '{field}' is {value}; {REMEDY}")
        if record["height"] * record["width"] > MAX_IMAGE_PIXELS:
            raise InputError(f"{name}: frames of {record['height']} x {record['width']} are none of a video; {REMEDY}")
        try:
            record["frame_rate"] = Fraction(record["frame_rate"])
            if record["frame_rate"] <= 0:
                raise ValueError("its frame rate is not above 0")
            if record["calibration"] is not None:
                record["calibration"] = Calibration(**record["calibration"])
            return cls(**record)
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise InputError(f"{name}: its header cannot be read ({str(error)[:80]}); {REMEDY}") from None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) < 5000


def _is_calibration(value: object) -> bool:
    return value is None or (isinstance(value, dict) and all(is_number(number) for number in value.values()))


def _whole_up_to(most: int) -> Callable[[object], bool]:
    return lambda value: is_whole(value) and 1 <= value <= most


_CHECKS = {
    "name": _is_text,
    "height": _whole_up_to(MAX_IMAGE_PIXELS),
    "width": _whole_up_to(MAX_IMAGE_PIXELS),
    "frame_rate": _is_text,
    "topk": _whole_up_to(10**6),
    "weighted": lambda value: isinstance(value, bool),
    "image": lambda value: isinstance(value, bool),
    "logit_scale": lambda value: is_number(value) and value > 0,
    "encoder": lambda value: _is_text(value) and value.isalnum() and value.isascii(),
    "config": _is_text,
    "checkpoint": _is_text,
    "calibration": _is_calibration,
    "num_queries": _whole_up_to(_MOST_QUERIES),
    "dim": _whole_up_to(_MOST_DIM),
}


def json_object(content: bytes, name: object) -> dict:
    """A JSON object of a file of features.

    Raises:
        InputError: It is none.
    """
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise InputError(f"{name} is no file of features, or it is damaged: {REMEDY}")
    return record
