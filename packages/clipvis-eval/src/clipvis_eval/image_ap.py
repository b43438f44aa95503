"""COCO and LVIS image AP of result files, through `faster-coco-eval`.

That library is a compiled, maintained form of pycocotools' evaluator that also knows LVIS's rules
and runs on current numpy; `lvis` from the package index stops at `np.float`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.faults import is_number, shown

from .image_files import IouType, form_of_results, read_results, read_truth, result_chunks
from .summary import EvaluationResult, Numbers, category_labels

LVIS_MAX_DETECTIONS = 300
"""Detections of an image that LVIS counts."""

ANY_OBJECT = {1: "any object"}
"""The one category that all become where categories do not matter."""

_FREQUENCIES = {"rare": "r", "common": "c", "frequent": "f"}


def evaluate_images(
    ground_truth: str | Path,
    results: str | Path | list[dict],
    *,
    benchmark: Literal["coco", "lvis"],
    iou_type: IouType | None = None,
    class_agnostic: bool = False,
    min_area: float = 0.0,
) -> EvaluationResult:
    """Evaluates a COCO result list against an image annotation file.

    Args:
        ground_truth: Annotation file in the COCO or LVIS form.
        results: A list of `{"image_id", "category_id", "score", "bbox" or "segmentation"}`, or a file that holds one.
        benchmark: "coco", or "lvis": at most 300 detections an image; detections of a category
            that is neither annotated in an image nor known to be absent do not count, nor do
            unmatched ones of a category that is not annotated exhaustively.
        iou_type: What is compared; by default masks if the results have them, else boxes.
        class_agnostic: Whether all categories, annotated and predicted, are taken as one. An image's 100 best
            detections then count, and an object that was found under two categories is a hit and a false alarm. For
            COCO only: an LVIS image is annotated for some categories alone.
        min_area: Objects with a smaller annotated area in pixels are ignored, as COCO ignores those outside a size
            range: neither they nor detections that match them count, nor do unmatched detections smaller than that.

    Raises:
        InputError: Options that do not fit, or a file that is missing, broken or of another data set.
    """
    check_options(benchmark, class_agnostic=class_agnostic, min_area=min_area)
    iou_type = iou_type or form_of_results(result_chunks(results))
    truth = read_truth(ground_truth, benchmark, iou_type)
    name = "the result list" if isinstance(results, list) else str(results)
    records = read_results(result_chunks(results), name, truth, iou_type)
    if benchmark == "lvis":
        records = judged_detections(limit_detections(records, LVIS_MAX_DETECTIONS), truth.content)
    evaluation = _evaluator(truth.content, records, benchmark, iou_type)
    evaluation.params.useCats = int(not class_agnostic)
    evaluation.params.areaRng = [[max(low, min_area), high] for low, high in evaluation.params.areaRng]
    evaluation.evaluate()
    evaluation.accumulate()
    # Precision (T, R, K, A, M) and recall (T, K, A, M); -1 without ground truth.
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    names = ANY_OBJECT if class_agnostic else truth.names
    frequencies = [category["frequency"] for category in truth.content["categories"]]
    result = _summarize(names, frequencies, precision, recall, benchmark)
    return replace(result, class_agnostic=class_agnostic, min_area=min_area)


def check_options(benchmark: str, *, class_agnostic: bool, min_area: float) -> None:
    """Refuses options of `evaluate_images` that do not fit.

    Raises:
        InputError: Which one, and why.
    """
    if class_agnostic and benchmark == "lvis":
        raise InputError(
            "lvis cannot be evaluated class-agnostically: its images are annotated for some "
            "categories alone, so a detection without annotation need not be wrong"
        )
    if not is_number(min_area) or min_area < 0:
        raise InputError(f"min_area is {shown(min_area)}, not a number of pixels")


def limit_detections(records: list[dict], count: int) -> list[dict]:
    """The `count` detections of highest score of each image, over all categories."""
    by_image = defaultdict(list)
    for record in records:
        by_image[record["image_id"]].append(record)
    ranked = (sorted(image, key=lambda r: -r["score"])[:count] for image in by_image.values())
    return [record for image in ranked for record in image]


def judged_detections(records: list[dict], content: dict[str, list[dict]]) -> list[dict]:
    """Detections of categories that are annotated in their image or known to be absent; LVIS judges no others."""
    known = {(a["image_id"], a["category_id"]) for a in content["annotations"]}
    known |= {(image["id"], key) for image in content["images"] for key in image["neg_category_ids"]}
    return [record for record in records if (record["image_id"], record["category_id"]) in known]


def _evaluator(truth: dict, records: list[dict], benchmark: str, iou_type: IouType) -> COCOeval_faster:
    """The library's evaluator with the benchmark's rules."""
    data = COCO(truth)
    evaluation = COCOeval_faster(
        data,
        data.loadRes(records) if records else COCO({**truth, "annotations": []}),
        iou_type,
        print_function=lambda *_: None,
        lvis_style=benchmark == "lvis",
    )
    evaluation.params.maxDets = [1, 10, 100]
    if benchmark == "lvis":
        evaluation.params.maxDets.append(LVIS_MAX_DETECTIONS)
    return evaluation


def _summarize(
    names: dict[int, str], frequencies: list[str], precision: np.ndarray, recall: np.ndarray, benchmark: str
) -> EvaluationResult:
    def numbers(members: list[int]) -> Numbers:
        p, r = precision[:, :, members], recall[:, members]
        result = {"AP": _mean(p[..., 0, -1])}
        result |= {"AP50": _mean(p[0, ..., 0, -1]), "AP75": _mean(p[5, ..., 0, -1])}
        result |= {f"AP{end}": _mean(p[..., i, -1]) for i, end in ((1, "s"), (2, "m"), (3, "l"))}
        limits = (1, 10, 100, LVIS_MAX_DETECTIONS)[: r.shape[-1]]
        result |= {f"AR{n}": _mean(r[..., 0, i]) for i, n in enumerate(limits)}
        return result | {f"AR{e}": _mean(r[..., i, -1]) for i, e in ((1, "s"), (2, "m"), (3, "l"))}

    metrics = numbers(list(range(len(names))))
    groups = {}
    if benchmark == "lvis":
        for name, letter in _FREQUENCIES.items():
            groups[name] = numbers([i for i, frequency in enumerate(frequencies) if frequency == letter])
            metrics[f"AP{letter}"] = groups[name]["AP"]
    labels = category_labels(names)
    curves = precision[..., 0, -1]  # (T, R, K)
    scored = (curves > -1).all(axis=(0, 1))
    return EvaluationResult(
        benchmark=benchmark,
        protocol="published",
        protocol_differences=(),
        metrics=metrics,
        groups=groups,
        per_category={labels[key]: numbers([i]) for i, key in enumerate(names)},
        precision=curves[..., scored].mean(axis=2) if scored.any() else np.zeros(curves.shape[:2]),
    )


def _mean(values: np.ndarray) -> float | None:
    kept = values[values > -1]
    return float(kept.mean()) if kept.size else None
