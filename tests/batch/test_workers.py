"""Several processes: the same bytes as one; one that dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import threading
from dataclasses import replace

import pytest
from fake_models import FakeSpec

from clipvis_core import InputError
from clipvis_core.batch.attempts import MOST, Attempts, AttemptsFolder
from clipvis_core.batch.inputs import find_inputs
from clipvis_core.batch.jobs import jobs_of
from clipvis_core.batch.outcomes import State
from clipvis_core.batch.runner import VideoRunner
from clipvis_core.batch.workers import WorkerPool, _environment, _work, _Worker


def run(engine, videos, out) -> dict[str, State]:
    outcomes = {}
    engine.run(jobs_of(find_inputs(videos, out), out), lambda o: outcomes.update({o.index: o}), threading.Event())
    return {videos[index].rpartition("/")[2]: outcome.state for index, outcome in outcomes.items()}


@pytest.mark.slow
def test_two_processes_write_what_one_writes_and_a_deadly_input_has_failed(plan, pictures, tmp_path):
    videos = pictures("a", "b", "poison", "c", "d", "fault")
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    run(VideoRunner(plan), [video for video in videos if "poison" not in video], one)
    with AttemptsFolder(two) as attempts:
        for _ in range(MOST - 1):
            Attempts(attempts).begin(videos.index(next(video for video in videos if "poison" in video)))
        states = run(WorkerPool(replace(plan, attempts=attempts), 2, gpus=0), videos, two)
    assert {name for name, state in states.items() if state is State.FAILED} == {"poison", "fault"}
    assert {name for name, state in states.items() if state is State.DONE} == {"a", "b", "c", "d"}
    files = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    assert len(files) == 4 * 4
    for name in files:
        assert (two / name).read_bytes() == (one / name).read_bytes()


def test_a_model_that_cannot_be_built_is_the_end(plan, pictures, tmp_path):
    """A process says so in the place of an outcome, and ends."""
    ours, theirs = multiprocessing.Pipe()
    (job,) = jobs_of(find_inputs(pictures("a"), tmp_path / "out"), tmp_path / "out")
    ours.send(job)
    _work(theirs, replace(plan, spec=FakeSpec(InputError("no such model"))))
    worker = object.__new__(_Worker)
    worker.connection = ours
    with pytest.raises(InputError, match="no such model"):
        worker.receive()


@pytest.mark.parametrize(
    ("visible", "gpus", "devices"), [(None, 0, [None, None]), (None, 2, ["0", "1"]), ("4,7", 2, ["4", "7"])]
)
def test_each_process_has_a_part_of_the_machine(plan, monkeypatch, visible, gpus, devices):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8))
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    pool = WorkerPool(plan, 2, gpus)
    assert [pool._variables(slot).get("CUDA_VISIBLE_DEVICES") for slot in range(2)] == devices
    assert pool._variables(0)["OMP_NUM_THREADS"] == "4"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with _environment({"OMP_NUM_THREADS": "5", "CLIPVIS_NEW": "1"}):
        pass
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "CLIPVIS_NEW" not in os.environ
