"""Many inputs on the command line."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from clipvis_core.batch.attempts import AttemptsFolder
from clipvis_core.batch.done import request_of
from clipvis_core.batch.inputs import find_inputs, holds_videos, is_glob, read_list
from clipvis_core.batch.jobs import Job, jobs_of, parse_shard
from clipvis_core.batch.outcomes import Outcome, State
from clipvis_core.batch.runner import Plan, VideoRunner
from clipvis_core.batch.summary import Summary
from clipvis_core.batch.under_way import Report
from clipvis_core.batch.video_task import OutputOptions
from clipvis_core.batch.workers import WorkerPool
from clipvis_core.command_line.choices import read_files
from clipvis_core.command_line.export import planned_batch_exports, write_data_sets
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import INTERRUPTED
from clipvis_core.inference.model_spec import ModelSpec
from clipvis_core.inference.output_folder import unwritable
from clipvis_core.inference.stream_writer import first_interrupt

DEFAULT_FOLDER = "outputs"
SOME_FAILED = 3
_WAIT = 2.0  # seconds between looks at whether another run is done with an input


class Engine(Protocol):
    """What does jobs: `VideoRunner`, `WorkerPool` or `RayEngine`."""

    def run(self, jobs: Sequence[Job], report: Report, stopped: threading.Event) -> None:
        """Does the jobs, tells the report of each, and ends early once `stopped` is set."""


def is_batch(args: argparse.Namespace) -> bool:
    """Whether the command line asks for a folder an input, rather than for one answer."""
    asked = (args.list, args.shard, args.workers, args.ray)
    if args.recursive or len(args.inputs) > 1 or any(option is not None for option in asked):
        return True
    return any(is_glob(argument) or holds_videos(argument) for argument in args.inputs)


def run_batch(args: argparse.Namespace, spec: ModelSpec, options: OutputOptions) -> int:
    """Segments all inputs that are not done yet, and sums up.

    Returns:
        The exit code: 0, 3 if some failed, 130 if somebody pressed Ctrl-C.

    Raises:
        InputError: Something the user gave cannot be used; a single bad input is a line of the summary.
    """
    _check(args, options)
    out_dir = Path(args.out_dir or DEFAULT_FOLDER)
    shard, of = parse_shard(args.shard) if args.shard is not None else (1, 1)
    listed = read_list(args.list) if args.list is not None else []
    found = find_inputs(args.inputs, out_dir, listed=listed, recursive=args.recursive)
    jobs = jobs_of(found, out_dir)[shard - 1 :: of]
    data_sets, exports = planned_batch_exports(args.export, out_dir)
    if data_sets and args.shard is not None:
        raise InputError(
            f"--export {data_sets[0].name} is of all videos, not of a shard: run `clipvis export` at the end"
        )
    plan = Plan(spec, options, request_of(spec, options, exports), tuple(read_files(args)), exports)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out_dir, error) from None
    summary = Summary(out_dir, f"-{shard}-of-{of}" if of > 1 else "")
    stopped = threading.Event()
    with first_interrupt(stopped), _progress(summary, len(jobs)) as report, _engine(args, plan, out_dir) as engine:
        _run(engine, jobs, report, stopped)
    summary.write()
    summary.print()
    if stopped.is_set() and len(summary.outcomes) < len(jobs):
        print(f"interrupted: {len(jobs) - len(summary.outcomes)} are left; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    write_data_sets(data_sets, summary.answered, out_dir, all_tracks=args.all_tracks)
    return SOME_FAILED if summary.counts[State.FAILED] else 0


def _check(args: argparse.Namespace, options: OutputOptions) -> None:
    """Refuses what has no meaning for many inputs."""
    if options.stream or options.live is not None:
        raise InputError("--stream and --live-... show frames as they come, of one input: give one, or leave them out")
    if args.workers is not None and args.workers < 1:
        raise InputError(f"--workers {args.workers}: give a number of processes, at least 1")
    if args.ray is not None and Path(args.ray).exists():
        raise InputError(f"--ray takes an address, and {args.ray} is a path: write --ray local, or put --ray last")


@contextmanager
def _engine(args: argparse.Namespace, plan: Plan, out_dir: Path) -> Iterator[Engine]:
    """What the command line asks for to do the work."""
    with ExitStack() as stack:
        if args.ray is None and args.workers is None:
            yield VideoRunner(plan)
            return
        attempts = stack.enter_context(AttemptsFolder(out_dir))
        plan = replace(plan, attempts=attempts.resolve())
        if args.ray is None:
            yield WorkerPool(plan, args.workers, _num_gpus(plan.spec.options.get("device")))
            return
        from clipvis_core.batch.ray_engine import RayEngine

        yield RayEngine(plan, args.ray, args.workers)


def _num_gpus(device: str | None) -> int:
    import torch

    return torch.cuda.device_count() if device in (None, "cuda") else 0


def _run(engine: Engine, jobs: Sequence[Job], report: Report, stopped: threading.Event) -> None:
    """Does all jobs; those that another run is at come last, until they are done or that run has left them."""
    waiting, told = list(jobs), False
    while waiting and not stopped.is_set():
        busy: set[int] = set()

        def sort(outcome: Outcome, busy: set[int] = busy) -> None:
            if outcome.state is State.BUSY:
                busy.add(outcome.index)
            else:
                report(outcome)

        engine.run(waiting, sort, stopped)
        waiting = [job for job in waiting if job.index in busy]
        if waiting and not told:
            print(f"hint: another run is at {len(waiting)} of the inputs; waiting for it", file=sys.stderr)
            told = True
        if waiting:
            stopped.wait(_WAIT)


@contextmanager
def _progress(summary: Summary, total: int) -> Iterator[Callable[[Outcome], None]]:
    """A progress bar over inputs; what fails is said at once."""
    with tqdm(total=total, unit="input", file=sys.stderr) as bar:

        def report(outcome: Outcome) -> None:
            summary.add(outcome)
            if outcome.state is State.FAILED:
                bar.write(f"failed: {outcome.video}: {outcome.message}", file=sys.stderr)
            bar.update()

        yield report
