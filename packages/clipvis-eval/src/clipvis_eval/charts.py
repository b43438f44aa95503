"""Charts of an evaluation, as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_whole

from .matching import IOU_THRESHOLDS
from .summary import EvaluationResult

_SHOWN_CATEGORIES = 40


def draw_charts(result: EvaluationResult, folder: str | Path) -> tuple[Path, Path]:
    """Draws precision-recall curves and the AP of each category.

    Args:
        result: An evaluation.
        folder: Folder for `precision_recall.png` and `per_category.png`; made if missing.

    Returns:
        The two files.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from None
    charts = {"precision_recall.png": _precision_recall(result), "per_category.png": _per_category(result)}
    for name, figure in charts.items():
        write_figure(figure, folder / name, dpi=150)
    return folder / "precision_recall.png", folder / "per_category.png"


def write_figure(figure: Figure, path: str | Path, *, dpi: float) -> None:
    """Writes a figure of matplotlib in the format of the path's suffix (default: PNG) by `write_whole`."""
    content = io.BytesIO()
    figure.savefig(content, format=Path(path).suffix[1:] or "png", dpi=dpi)
    write_whole(content.getvalue(), path)


def _precision_recall(result: EvaluationResult) -> Figure:
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    recalls = np.linspace(0, 1, result.precision.shape[1])
    colors = colormaps["viridis_r"](np.linspace(0.1, 1, len(IOU_THRESHOLDS)))
    for threshold, precision, color in zip(IOU_THRESHOLDS, result.precision, colors, strict=True):
        axes.plot(recalls, precision, color=color, linewidth=1.4, label=f"{threshold:.2f}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"{_title(result)}: mean over categories", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(title="IoU at least", fontsize=8, title_fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _per_category(result: EvaluationResult) -> Figure:
    scored = {name: n["AP"] for name, n in result.per_category.items() if n["AP"] is not None}
    ranked = sorted(scored.items(), key=lambda item: -item[1])
    places = np.arange(len(ranked), dtype=float)
    title = f"{_title(result)}: AP by category"
    if len(ranked) > _SHOWN_CATEGORIES:
        half = _SHOWN_CATEGORIES // 2
        title += f", best and worst {half} of {len(ranked)}"
        ranked = ranked[:half] + ranked[-half:]
        places = np.arange(len(ranked), dtype=float)
        places[half:] += 1  # a gap between the two halves
    figure = Figure(figsize=(7, 1 + 0.2 * (len(ranked) + 1)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(places, [100 * ap for _, ap in ranked], color="#3060c0", height=0.7)
    axes.set_yticks(places, [name for name, _ in ranked], fontsize=7)
    axes.set_ylim((places[-1] if len(places) else 0) + 0.7, -0.7)
    axes.set(xlabel="AP (percent)", xlim=(0, 100))
    axes.set_title(title, fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _title(result: EvaluationResult) -> str:
    return f"{result.benchmark}, {result.protocol} protocol"
