"""Scores a result file: `clipvis-eval --benchmark lvvis --gt GT.json --results R.json`.

Prints a table; `--out` writes all numbers, `--plots` draws charts, `--compare` sets the numbers
beside an earlier METRICS.json.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import run
from clipvis_core.foundation.whole_file import write_json
from clipvis_eval.report import print_comparison, print_table, read_metrics
from clipvis_eval.summary import EvaluationResult

if TYPE_CHECKING:
    from clipvis_eval.identity import Identity

VIDEO_BENCHMARKS = ("lvvis", "ytvis2019", "ytvis2021", "ovis", "burst")
IMAGE_BENCHMARKS = ("lvis", "coco")


def main() -> None:
    """Runs the command with the arguments of this process."""
    args = parse_args()
    earlier = read_metrics(args.compare) if args.compare else None
    result = evaluate_image_results(args) if args.benchmark in IMAGE_BENCHMARKS else evaluate_track_results(args)
    numbers = result.to_json()
    identity = measure_identity(args) if args.identity else None
    if identity is not None:
        numbers["identity"] = vars(identity)
    if args.out:
        write_json(numbers, args.out)
    if args.plots:
        from clipvis_eval.charts import draw_charts

        draw_charts(result, args.plots)
    print_table(result)  # after the files: nobody may be reading
    if identity is not None:
        print_identity(identity)
    if earlier:
        print_comparison(earlier, numbers)


def parse_args() -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmark", required=True, choices=VIDEO_BENCHMARKS + IMAGE_BENCHMARKS)
    parser.add_argument(
        "--protocol",
        choices=("published", "corrected"),
        help="the published evaluator with its faults, or the faults fixed "
        "(default: corrected for burst, published otherwise)",
    )
    parser.add_argument("--gt", required=True, help="annotation file")
    parser.add_argument("--results", required=True, help="result list")
    parser.add_argument("--iou-type", choices=("bbox", "segm"), help="lvis and coco only")
    parser.add_argument("--class-agnostic", action="store_true", help="take all categories as one")
    parser.add_argument("--min-area", type=float, help="lvis and coco only: ignore objects of fewer pixels")
    parser.add_argument(
        "--identity",
        action="store_true",
        help="video benchmarks: also count the objects that one track carries throughout",
    )
    parser.add_argument("--out", help="write all numbers to this METRICS.json")
    parser.add_argument("--plots", help="draw charts into this folder")
    parser.add_argument("--compare", help="METRICS.json of another run to set beside this one")
    return parser.parse_args()


def evaluate_image_results(args: argparse.Namespace) -> EvaluationResult:
    """LVIS or COCO image AP."""
    from clipvis_eval.image_ap import evaluate_images

    if args.protocol == "corrected":
        raise InputError(f"{args.benchmark} has one protocol only; leave --protocol out")
    if args.identity:
        raise InputError("--identity is for video benchmarks: images have no tracks")
    return evaluate_images(
        args.gt,
        args.results,
        benchmark=args.benchmark,
        iou_type=args.iou_type,
        class_agnostic=args.class_agnostic,
        min_area=args.min_area or 0.0,
    )


def evaluate_track_results(args: argparse.Namespace) -> EvaluationResult:
    """Track AP of a video benchmark."""
    from clipvis_eval.track_ap import evaluate_files

    if args.iou_type:
        raise InputError("--iou-type is for lvis and coco; video benchmarks compare masks")
    if args.min_area is not None:
        raise InputError("--min-area is for lvis and coco; video benchmarks have size ranges")
    return evaluate_files(
        args.gt,
        args.results,
        benchmark=args.benchmark,
        protocol=args.protocol,
        class_agnostic=args.class_agnostic,
        progress=True,
    )


def measure_identity(args: argparse.Namespace) -> Identity:
    """How many objects are found and carried by one track throughout."""
    from clipvis_eval.identity import identity_of_files

    return identity_of_files(args.gt, args.results, benchmark=args.benchmark, progress=True)


def print_identity(identity: Identity) -> None:
    share = "" if identity.share is None else f" ({identity.share:.3f})"
    print(
        f"{identity.objects} objects, {identity.found} found at IoU 0.5, "
        f"{identity.kept} of these{share} carried by one track throughout"
    )


def console() -> None:
    """What the installed command calls."""
    run(main, InputError)
