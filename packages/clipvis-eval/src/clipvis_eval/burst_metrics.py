"""BURST's own metrics (HOTA and OWTA) through the package `trackeval`.

`trackeval` gives figures of each class; their means over all, common and uncommon classes, and the
three open-world runs that BURST's scripts make, are added here.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import orjson

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.json_files import read_json
from clipvis_data.vocabularies import load_vocabulary

from .burst_format import check_burst_results, read_burst_annotations, write_burst_results

Figures = dict[str, dict[str, float | None]]
"""Fractions by metric and group ("all", "common", "uncommon"); None without ground truth."""

_TRACKER = "results"


def evaluate_burst(ground_truth: str | Path, results: str | Path) -> dict[str, Figures]:
    """BURST's class-guided and open-world figures.

    Args:
        ground_truth: `all_classes.json` of the download.
        results: A result file in BURST's form, or a YouTube-VIS result list.

    Returns:
        "class_guided": HOTA, DetA, AssA, AP, means over the classes with ground truth;
        "open_world": OWTA, DetRe, AssA, over all objects whatever their class.

    Raises:
        InputError: A bad file, or `trackeval` is not installed.
    """
    try:
        import trackeval
    except ImportError:
        raise InputError("BURST's metrics need trackeval: pip install 'clipvis-eval[burst]'") from None
    annotations = read_burst_annotations(ground_truth)
    with tempfile.TemporaryDirectory() as scratch:
        tracker = Path(scratch, "trackers", _TRACKER, "data")
        tracker.mkdir(parents=True)
        _place_results(results, ground_truth, annotations, tracker / "results.json")
        try:
            return {
                "class_guided": _class_guided(annotations, Path(scratch)),
                "open_world": _open_world(annotations, Path(scratch)),
            }
        except (AssertionError, KeyError, ValueError, TypeError, trackeval.utils.TrackEvalException) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:150]
            raise InputError(f"{results}: trackeval cannot compare it with {ground_truth}: {reason}") from None


def _place_results(results: str | Path, ground_truth: str | Path, annotations: dict, path: Path) -> None:
    data = read_json(results)
    if isinstance(data, list):
        write_burst_results(results, ground_truth, path)
        return
    if not isinstance(data, dict) or not isinstance(data.get("sequences"), list):
        raise InputError(f"{results}: is neither a result list nor a result file of BURST's form")
    check_burst_results(results, data, annotations)
    path.write_bytes(orjson.dumps(data))


def _class_guided(annotations: dict, scratch: Path) -> Figures:
    common = {c.burst_id for c in load_vocabulary("burst").categories if c.common}
    ids = {category["name"]: category["id"] for category in annotations["categories"]}
    found = _run("BURST", annotations, scratch)
    per_class = {name: figures for name, figures in found.items() if name in ids}
    groups = {
        "all": list(per_class),
        "common": [name for name in per_class if ids[name] in common],
        "uncommon": [name for name in per_class if ids[name] not in common],
    }
    sources = {"HOTA": "HOTA", "DetA": "HOTA", "AssA": "HOTA", "AP": "TrackMAP"}
    keys = {"AP": "AP_all"}
    return {
        metric: {
            group: _mean([per_class[name][source][keys.get(metric, metric)] for name in names])
            for group, names in groups.items()
        }
        for metric, source in sources.items()
    }


def _open_world(annotations: dict, scratch: Path) -> Figures:
    common = {c.burst_id for c in load_vocabulary("burst").categories if c.common}
    every = {category["id"] for category in annotations["categories"]}
    groups = {"all": every, "common": every & common, "uncommon": every - common}
    figures: Figures = {metric: {} for metric in ("OWTA", "DetRe", "AssA")}
    for group, members in groups.items():
        kept = _only_classes(annotations, members)
        has_tracks = any(sequence["track_category_ids"] for sequence in kept["sequences"])
        found = _run("BURST_OW", kept, scratch)["object"]["HOTA"] if has_tracks else None
        for metric in figures:
            figures[metric][group] = None if found is None else float(np.mean(found[metric]))
    return figures


def _only_classes(annotations: dict, members: set[int]) -> dict:
    """The annotations without the tracks of other classes."""
    sequences = []
    for sequence in annotations["sequences"]:
        tracks = {t: c for t, c in sequence["track_category_ids"].items() if c in members}
        frames = [{t: mask for t, mask in frame.items() if t in tracks} for frame in sequence["segmentations"]]
        sequences.append({**sequence, "track_category_ids": tracks, "segmentations": frames})
    return {**annotations, "sequences": sequences}


def _run(dataset: str, annotations: dict, scratch: Path) -> dict:
    """Runs trackeval; returns its figures over all sequences by class."""
    import trackeval

    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        Path(folder, "all_classes.json").write_bytes(orjson.dumps(annotations))
        options = {
            "GT_FOLDER": folder,
            "TRACKERS_FOLDER": str(scratch / "trackers"),
            "TRACKERS_TO_EVAL": [_TRACKER],
            "OUTPUT_FOLDER": folder,
            "PRINT_CONFIG": False,
        }
        metrics = [trackeval.metrics.HOTA({"PRINT_CONFIG": False})]
        if dataset == "BURST":
            metrics.append(trackeval.metrics.TrackMAP({"PRINT_CONFIG": False}))
        evaluator = trackeval.Evaluator(
            {
                "USE_PARALLEL": False,
                "BREAK_ON_ERROR": True,
                "PRINT_RESULTS": False,
                "PRINT_CONFIG": False,
                "TIME_PROGRESS": False,
                "OUTPUT_SUMMARY": False,
                "OUTPUT_DETAILED": False,
                "PLOT_CURVES": False,
                "LOG_ON_ERROR": None,
            }
        )
        with contextlib.redirect_stdout(io.StringIO()):
            source = getattr(trackeval.datasets, dataset)(options)
            output, _ = evaluator.evaluate([source], metrics)
    name = source.get_name()
    return output[name][_TRACKER]["COMBINED_SEQ"]


def _mean(values: list) -> float | None:
    return float(np.mean([np.mean(value) for value in values])) if values else None
