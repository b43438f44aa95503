"""Jobs shared out by Ray Data: rows are paths, and actors keep the model."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from clipvis_core.batch.jobs import Job
from clipvis_core.batch.outcomes import Outcome, State
from clipvis_core.batch.runner import Plan, VideoRunner
from clipvis_core.batch.under_way import Report
from clipvis_core.foundation.errors import InputError, first_line
from clipvis_core.foundation.program import plain_messages

LOCAL = "local"
_MOST_ROWS = 8  # jobs of one call of an actor, within which neighbours overlap
_MOST_BLOCKS = 10_000  # pieces into which Ray Data divides the rows
_FATAL = "fatal"  # in place of a state: the model cannot be built


class RayEngine:
    """Gives jobs to actors. Ray starts anew what dies; `done.json` keeps what was done.

    Args:
        plan: What the jobs have in common; its paths and theirs mean the same on all machines.
        address: `local` for a Ray of this machine and this run, or what `ray.init` takes.
        count: Number of actors; by default one a GPU, or one that has all cores of this machine.

    Raises:
        InputError: Ray is not installed, or no cluster is at the address.
    """

    def __init__(self, plan: Plan, address: str = LOCAL, count: int | None = None) -> None:
        self._plan = _absolute(plan)
        ray = _connected(address)
        resources = ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        if plan.spec.options.get("device") == "cpu":
            gpus = 0
        self._count = count or gpus or 1
        self._share = {"num_gpus": 1 if gpus else 0, "num_cpus": max(1, cpus // self._count) if not gpus else 1}

    def run(self, jobs: Iterable[Job], report: Report, stopped: threading.Event) -> None:
        """Does jobs until there are none, or until `stopped` is set.

        Args:
            jobs: The jobs.
            report: Is given the outcome of each.
            stopped: Ends the run.

        Raises:
            InputError: The model cannot be built, or Ray gives up.
        """
        import ray

        rows = [_absolute_row(job) for job in jobs]
        size = min(_MOST_ROWS, math.ceil(len(rows) / (4 * self._count)))
        blocks = min(_MOST_BLOCKS, math.ceil(len(rows) / size))
        outcomes = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
            _Actor,
            fn_constructor_args=(self._plan,),
            batch_size=size,
            compute=ray.data.ActorPoolStrategy(size=self._count),
            **self._share,
        )
        try:
            for row in outcomes.iter_rows():
                report(_outcome(row))
                if stopped.is_set():
                    return
        except ray.exceptions.RayError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise InputError(f"Ray gave up ({reason[:180]}); the same command goes on with what is not done") from None


class _Actor:
    """A process of Ray that keeps the model."""

    def __init__(self, plan: Plan) -> None:
        plain_messages()
        self._runner = VideoRunner(plan)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        columns = [column.tolist() for column in batch.values()]
        jobs = [Job(**dict(zip(batch, values, strict=True))) for values in zip(*columns, strict=True)]
        outcomes: list[dict] = []
        try:
            self._runner.run(jobs, lambda outcome: outcomes.append(_row(outcome)), threading.Event())
        except InputError as error:
            first = jobs[0]
            outcomes.append(
                {**_row(Outcome(first.index, first.video, "", State.FAILED, message=str(error))), "state": _FATAL}
            )
        return {name: [outcome[name] for outcome in outcomes] for name in outcomes[0]}


def _absolute(plan: Plan) -> Plan:
    """The plan with whole paths: actors may run in another folder."""
    spec, options = plan.spec, dict(plan.spec.options)
    options["contrast"] = _whole(options.get("contrast"))
    spec = replace(spec, config=_whole(spec.config), checkpoint=_whole(spec.checkpoint), options=options)
    return replace(plan, spec=spec, reads=tuple(map(_whole, plan.reads)))


def _whole(path: Any) -> Any:
    """The whole path of a file; what is a name, or nothing, stays."""
    return os.path.abspath(path) if isinstance(path, str) and os.path.isfile(path) else path


def _absolute_row(job: Job) -> dict[str, Any]:
    return {"index": job.index, **{name: os.path.abspath(getattr(job, name)) for name in ("video", "folder", "spare")}}


def _row(outcome: Outcome) -> dict[str, Any]:
    """An outcome with columns of plain kinds; a list of labels may be empty, which has no kind."""
    return {**asdict(outcome), "state": str(outcome.state), "labels": "\n".join(outcome.labels)}


def _outcome(row: dict[str, Any]) -> Outcome:
    if row["state"] == _FATAL:
        raise InputError(row["message"])
    labels = row["labels"].split("\n") if row["labels"] else []
    return Outcome(**{**row, "state": State(row["state"]), "labels": labels})


def _connected(address: str) -> Any:
    """Ray, connected."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise InputError('--ray needs Ray: pip install "clipvis-core[ray]"') from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    threads = os.environ.get("OMP_NUM_THREADS")
    environment = {"env_vars": {"OMP_NUM_THREADS": threads}} if threads else {}
    try:
        ray.init(
            None if address == LOCAL else address, runtime_env=environment, log_to_driver=True, logging_level="error"
        )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise InputError(
            f"--ray {address}: no Ray answers there ({first_line(error)}); `ray start --head` starts one"
        ) from None
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray
