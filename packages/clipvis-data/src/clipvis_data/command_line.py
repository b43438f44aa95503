"""Prepares and checks data: `clipvis-data {lvis-norare,burst-to-ytvis,check} ...`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from clipvis_core.foundation.errors import InputError, shortened
from clipvis_core.foundation.program import run

if TYPE_CHECKING:
    from clipvis_data.preparation import FileReport


def main() -> int:
    """Runs the command with the arguments of this process; returns its exit code."""
    args = parse_arguments()
    return args.run(args)


def parse_arguments() -> argparse.Namespace:
    """Options of the command, with the function that does it as `run`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)

    text = "write an LVIS json without the annotations of rare categories"
    norare = commands.add_parser("lvis-norare", help=text, description=text)
    norare.add_argument("source", help="LVIS json")
    norare.add_argument("--out", help="file to write (default: the name with _norare added)")
    norare.set_defaults(run=run_norare)

    text = "convert a BURST json to the YouTube-VIS form"
    burst = commands.add_parser("burst-to-ytvis", help=text, description=text)
    burst.add_argument("source", help="all_classes.json of a BURST split")
    burst.add_argument("out", help="file to write")
    burst.add_argument(
        "--repaired",
        action="store_true",
        help="track ids from 1, areas from the masks (the published script: from 0, no areas)",
    )
    burst.set_defaults(run=run_burst)

    text = "check annotation files and the images they name; exit code 1 if something is wrong"
    check = commands.add_parser("check", help=text, description=text)
    check.add_argument("root", help="folder of a dataset, or of several; or one annotation json")
    check.add_argument("--images", help="image folder, if root is a json (default: it is searched)")
    check.add_argument("--max-lines", type=int, default=20, help="faults printed for each file")
    check.add_argument("--processes", type=int, help="processes that open images (default: cores)")
    check.set_defaults(run=run_check)
    return parser.parse_args()


def run_norare(args: argparse.Namespace) -> None:
    """`lvis-norare`: writes the json and prints its name."""
    from clipvis_data.preparation import drop_rare_annotations  # imports torch: after the arguments

    target, dropped = drop_rare_annotations(args.source, args.out)
    print(f"{target}: {dropped} annotations of rare categories left out")


def run_burst(args: argparse.Namespace) -> None:
    """`burst-to-ytvis`: writes the json and prints what is in it."""
    from clipvis_data.preparation import burst_to_ytvis

    options = {"first_id": 1, "with_areas": True} if args.repaired else {}
    counts = burst_to_ytvis(args.source, args.out, **options)
    print(f"{args.out}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))


def run_check(args: argparse.Namespace) -> int:
    """`check`: prints the faults of each file; returns 1 if there are any, else 0."""
    from clipvis_data.preparation import check_annotation_file, check_root

    if not Path(args.root).exists():
        raise InputError(f"{args.root}: there is no such folder or file to check")
    if args.root.endswith(".json"):
        report = check_annotation_file(args.root, images=args.images, processes=args.processes)
        if report is None:
            raise InputError(f"{args.root} has neither 'videos' nor 'images'")
        reports = [report]
    else:
        reports = check_root(args.root, processes=args.processes)
    for report in reports:
        print_report(report, args.max_lines)
    faults = sum(len(report.faults) for report in reports)
    print(f"{len(reports)} annotation files, {faults or 'no'} fault{'' if faults == 1 else 's'}")
    return 1 if faults else 0


def print_report(report: FileReport, max_lines: int) -> None:
    """Prints what was found in one file, with at most `max_lines` of its faults."""
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    place = f" (images in {report.images})" if report.images else ""
    print(f"{'FAULTY' if report.faults else 'ok    '} {report.path}: {counts or 'unreadable'}{place}")
    for fault in report.faults[:max_lines]:
        print(f"       - {shortened(fault)}")
    if len(report.faults) > max_lines:
        print(f"       - and {len(report.faults) - max_lines} more")
    for note in report.notes:
        print(f"       ({note})")


def console() -> None:
    """What the installed command calls."""
    run(main, InputError)
