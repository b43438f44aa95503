"""BURST's own metrics: `python tools/evaluate_burst.py --gt all_classes.json --results R.json`.

HOTA and OWTA. The AP that papers quote for BURST is another: `tools/evaluate.py --benchmark burst`.
"""

from __future__ import annotations

import argparse

import _command
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gt", required=True, help="all_classes.json of the BURST download")
    parser.add_argument("--results", required=True, help="result list, or a file of BURST's form")
    parser.add_argument("--out", help="write the figures, as fractions, to this json")
    evaluate(parser.parse_args())


def evaluate(args: argparse.Namespace) -> None:
    """Prints the figures, and writes them."""
    from rich.console import Console
    from rich.table import Table

    from clipvis_eval.burst_metrics import evaluate_burst  # imports torch: after the arguments

    figures = evaluate_burst(args.gt, args.results)
    table = Table(title="BURST (percent)")
    for column in ("", "metric", "all", "common", "uncommon"):
        table.add_column(column, justify="right" if column in ("all", "common", "uncommon") else "left")
    for part, metrics in figures.items():
        for metric, groups in metrics.items():
            cells = ("-" if value is None else f"{100 * value:.2f}" for value in groups.values())
            table.add_row(part.replace("_", " "), metric, *cells)
    Console().print(table)
    if args.out:
        write_json({"benchmark": "burst", "protocol": "trackeval", **figures}, args.out)


if __name__ == "__main__":
    _command.run(main, InputError)
