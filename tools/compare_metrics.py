"""Sets two METRICS.json side by side: `python tools/compare_metrics.py OLD.json NEW.json`."""

from __future__ import annotations

import argparse

import _command
from clipvis_core.foundation.errors import InputError
from clipvis_eval.report import print_comparison, read_metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--top", type=int, default=20, help="categories to list")
    args = parser.parse_args()
    print_comparison(read_metrics(args.old), read_metrics(args.new), top=args.top)


if __name__ == "__main__":
    _command.run(main, InputError)
