"""What people read of an evaluation: a table, and two evaluations side by side."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.json_files import read_json

from .summary import EvaluationResult, Numbers


def print_table(result: EvaluationResult, console: Console | None = None) -> None:
    """Prints all numbers in percent, a column for each group; - where there is no ground truth."""
    console = Console()
    title = f"{result.benchmark}, {result.protocol} protocol"
    title += ", class-agnostic" if result.class_agnostic else ""
    title += f", objects of {result.min_area:g} pixels and more" if result.min_area else ""
    table = Table(title=f"{title} (percent)")
    table.add_column("")
    columns = {"all": result.metrics, **result.groups}
    for name in columns:
        table.add_column(name, justify="right")
    for metric in result.metrics:
        table.add_row(metric, *(_percent(numbers.get(metric)) for numbers in columns.values()))
    console.print(table)
    for difference in result.protocol_differences:
        verb = "applied" if result.protocol == "published" else "fixed"
        console.print(f"published fault, {verb} here: {difference}", style="dim", highlight=False)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def read_metrics(path: str | Path) -> dict:
    """Reads a METRICS.json.

    Raises:
        InputError: It is not one.
    """
    content = read_json(path)
    keys = ("benchmark", "protocol", "metrics", "groups", "per_category")
    if not isinstance(content, dict) or any(key not in content for key in keys):
        raise InputError(f"{path}: is not a METRICS.json; tools/evaluate.py --out writes one")
    return content


def print_comparison(old: dict, new: dict, *, top: int = 20) -> None:
    """Prints two METRICS.json side by side, and the categories whose AP changed most.

    Args:
        old: Content of one file.
        new: Content of the other.
        top: How many categories to list.

    Raises:
        InputError: They are of different benchmarks, or of different categories or objects.
    """
    if old["benchmark"] != new["benchmark"]:
        raise InputError(f"cannot compare {old['benchmark']} with {new['benchmark']}")
    for option in ("class_agnostic", "min_area"):  # absent from older files: not used
        values = old.get(option, 0), new.get(option, 0)
        if values[0] != values[1]:
            raise InputError(f"cannot compare {option} {values[0]} with {values[1]}")
    console = Console()
    if old["protocol"] != new["protocol"]:
        console.print(f"the protocols differ: {old['protocol']}, {new['protocol']}", style="bold")
    table = Table(title=f"{old['benchmark']} (percent)")
    for column in ("", "old", "new", "difference"):
        table.add_column(column, justify="left" if not column else "right")
    for group in ("all", *old["groups"]):
        a, b = (x["metrics"] if group == "all" else x["groups"].get(group, {}) for x in (old, new))
        for metric in a:
            prefix = "" if group == "all" else f"{group} "
            table.add_row(prefix + metric, *_row(a.get(metric), b.get(metric)))
    console.print(table)
    changes = category_changes(old["per_category"], new["per_category"])
    changed = Table(title=f"AP of the {min(top, len(changes))} categories that changed most")
    for column in ("category", "old", "new", "difference"):
        changed.add_column(column, justify="left" if column == "category" else "right")
    for name, a, b in changes[:top]:
        changed.add_row(name, *_row(a, b))
    console.print(changed)


def category_changes(old: dict[str, Numbers], new: dict[str, Numbers]) -> list[tuple[str, float, float]]:
    """(category, old AP, new AP) of categories that both have, the largest change first."""
    both = [
        (name, old[name]["AP"], new[name]["AP"])
        for name in old
        if name in new and None not in (old[name]["AP"], new[name]["AP"])
    ]
    return sorted(both, key=lambda item: -abs(item[2] - item[1]))


def _row(old: float | None, new: float | None) -> tuple[str, str, str]:
    change = "-" if old is None or new is None else f"{100 * (new - old):+.2f}"
    return _percent(old), _percent(new), change
