"""Packs a result list for a benchmark's server.

YouTube-VIS, OVIS, LV-VIS: a zip with `results.json`, checked before it is written; `--group base`
(or `novel`) keeps one group and tells the factor for the server's AP. BURST: its own json.
"""

from __future__ import annotations

import argparse

import _command
from clipvis_core.foundation.errors import InputError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    benchmarks = ("ytvis2019", "ytvis2021", "ovis", "lvvis", "burst")
    parser.add_argument("--benchmark", required=True, choices=benchmarks)
    parser.add_argument("--results", required=True, help="result list")
    parser.add_argument(
        "--gt", required=True, help="json with the videos, or their folder (lvvis test); burst: its own annotation file"
    )
    parser.add_argument("--out", required=True, help="zip (burst: json) to write")
    parser.add_argument("--group", choices=("base", "novel"))
    submit(parser.parse_args())


def submit(args: argparse.Namespace) -> None:
    """Writes the file for a benchmark's server."""
    from clipvis_eval.burst_format import write_burst_results  # imports torch: after the arguments
    from clipvis_eval.submission import write_submission

    if args.benchmark == "burst":
        if args.group:
            raise InputError("burst has no server, so --group has no use; leave it out")
        count = write_burst_results(args.results, args.gt, args.out)
        print(f"{args.out}: {count} tracks")
        return
    made = write_submission(args.results, args.out, benchmark=args.benchmark, videos=args.gt, group=args.group)
    print(f"{made.path}: {made.num_predictions} predictions, {made.num_videos} videos")
    if args.group:
        print(f"AP of the {args.group} categories = {made.scale:.6g} x the AP that the server shows")


if __name__ == "__main__":
    _command.run(main, InputError)
