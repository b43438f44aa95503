"""What the evaluators of the benchmarks do differently, and what the corrected protocol fixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from clipvis_core.foundation.errors import InputError

Benchmark = Literal["lvvis", "ytvis2019", "ytvis2021", "ovis", "burst"]
Protocol = Literal["published", "corrected"]
AreaSource = Literal["annotation", "annotation_int", "masks", "zero"]


@dataclass(frozen=True)
class Rules:
    """The points in which the published track-AP evaluators and the corrected one differ.

    Attributes:
        ignore_crowds: A crowd ground truth is left out of the recall, and predictions that match it
            count neither as right nor as wrong.
        match_many: One ground truth may be matched by any number of predictions, each a true
            positive. (Crowds may always be.)
        id_zero_is_no_match: A prediction that takes the ground truth with id 0 counts as unmatched.
        ground_truth_area: Where the mean area of a ground truth comes from: the json's `areas`, the same cut to whole
            pixels, the masks, or none (all areas 0). Json areas that are absent are measured.
        measure_predictions: Whether predictions have an area; otherwise it is 0.
    """

    ignore_crowds: bool = True
    match_many: bool = False
    id_zero_is_no_match: bool = False
    ground_truth_area: AreaSource = "annotation"
    measure_predictions: bool = True


_CORRECTED = Rules()
_PUBLISHED = {
    "ytvis2019": Rules(id_zero_is_no_match=True),
    "ytvis2021": Rules(id_zero_is_no_match=True),
    "ovis": Rules(id_zero_is_no_match=True),
    "lvvis": Rules(id_zero_is_no_match=True, ignore_crowds=False, ground_truth_area="annotation_int"),
    "burst": Rules(
        id_zero_is_no_match=True,
        ignore_crowds=False,
        match_many=True,
        ground_truth_area="zero",
        measure_predictions=False,
    ),
}
_NAMES = {
    "ignore_crowds": "a crowd ground truth is not ignored: it counts in the recall and each of its "
    "matches is a true positive",
    "match_many": "several predictions may match one ground truth, each a true positive, which inflates AP",
    "id_zero_is_no_match": "a prediction matched to the ground truth with id 0 counts as unmatched",
    "ground_truth_area": {
        "annotation_int": "annotated areas are cut to whole pixels before the mean",
        "zero": "every area is 0, so small = all and medium and large are empty",
    },
}


def default_protocol(benchmark: Benchmark) -> Protocol:
    """The protocol used where none is asked for: corrected for BURST, published for the others."""
    return "corrected" if benchmark == "burst" else "published"


def rules_for(benchmark: Benchmark, protocol: Protocol) -> Rules:
    """Rules of a benchmark under a protocol.

    Raises:
        InputError: No such benchmark or protocol.
    """
    if benchmark not in _PUBLISHED:
        raise InputError(f"no benchmark {benchmark!r}; there are {', '.join(_PUBLISHED)}")
    if protocol not in get_args(Protocol):
        raise InputError(f"no protocol {protocol!r}; there are {', '.join(get_args(Protocol))}")
    if protocol == "published":
        return _PUBLISHED[benchmark]
    if benchmark == "burst":  # its annotation files have no areas
        return Rules(ground_truth_area="masks")
    return _CORRECTED


def published_faults(benchmark: Benchmark) -> tuple[str, ...]:
    """How a benchmark's published protocol departs from the corrected one, a line for each way."""
    published = rules_for(benchmark, "published")
    faults = []
    for field, text in _NAMES.items():
        value = getattr(published, field)
        if value == getattr(_CORRECTED, field):
            continue
        faults.append(text[value] if isinstance(text, dict) else text)
    return tuple(faults)
