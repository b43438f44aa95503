"""One process: what becomes of good, bad and interrupted inputs; what is done again and what is not."""

from __future__ import annotations

import json
import os
import resource
import shutil
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fake_models import FILES, FakeSpec

from clipvis_core import InputError
from clipvis_core.batch.attempts import MOST, Attempts, AttemptsFolder
from clipvis_core.batch.inputs import find_inputs
from clipvis_core.batch.jobs import Job, jobs_of
from clipvis_core.batch.outcomes import State
from clipvis_core.batch.runner import VideoRunner
from clipvis_core.foundation.folder_lock import FolderLock
from clipvis_core.inference import Answer


def states(plan, videos, out, stopped=None) -> dict[str, State]:
    """Runs videos; what became of each by its name."""
    outcomes = {}
    jobs = jobs_of(find_inputs(videos, out), out)
    VideoRunner(plan).run(jobs, lambda outcome: outcomes.update({outcome.video: outcome}), stopped or threading.Event())
    return {Path(video).name: outcome.state for video, outcome in outcomes.items()}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bad_input_is_not_the_end(plan, pictures, tmp_path, capsys):
    videos = [*pictures("a", "fault", "b"), str(tmp_path / "gone.mp4")]
    out = tmp_path / "out"
    assert states(plan, videos, out) == {
        "a": State.DONE, "fault": State.FAILED, "b": State.DONE, "gone.mp4": State.FAILED,
    }  # fmt: skip
    assert {path.name for path in (out / "a").iterdir()} == FILES
    assert sorted(path.name for path in out.iterdir()) == ["a", "b"]
    assert Answer.read(out / "b").result.num_frames == 3
    assert "in two lines" in capsys.readouterr().err  # a fault of ours keeps its traceback


def test_what_is_done_and_whole_is_skipped(plan, pictures, tmp_path):
    videos, out = pictures("a", "b", "c", "d"), tmp_path / "out"
    states(plan, videos, out)
    before = bytes_of(out)
    (out / "a/results.json").write_bytes(b"[]")  # harmed
    (out / "b/done.json").unlink()
    (tmp_path / "in/c/0.png").touch()  # not changed
    last = tmp_path / "in/d/2.png"
    shutil.copy(tmp_path / "in/d/1.png", last)
    assert states(plan, videos, out) == {"a": State.DONE, "b": State.DONE, "c": State.SKIPPED, "d": State.DONE}
    after = bytes_of(out)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"d/done.json"}  # its input has another print; the fake model's answer is the same
    assert set(states(plan, videos, out).values()) == {State.SKIPPED}
    other = replace(plan, request={"model": "another"})
    assert set(states(other, videos, out).values()) == {State.DONE}


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"request": 1}', b"[" * 100_000, b"\xff"])
def test_a_harmed_done_file(plan, pictures, tmp_path, content):
    videos, out = pictures("a"), tmp_path / "out"
    states(plan, videos, out)
    (out / "a/done.json").write_bytes(content)
    assert states(plan, videos, out) == {"a": State.DONE}
    assert states(plan, videos, out) == {"a": State.SKIPPED}


def test_a_stopped_run_leaves_whole_folders_only(plan, pictures, tmp_path):
    videos, out, stopped = pictures("a", "slow", "b"), tmp_path / "out", threading.Event()
    threading.Timer(0.15, stopped.set).start()
    first = states(plan, videos, out, stopped)
    assert State.FAILED not in first.values()
    assert len(first) < 3
    for folder in out.iterdir():
        assert {path.name for path in folder.iterdir()} == FILES
    states(plan, videos, out)
    undisturbed = tmp_path / "undisturbed"
    states(plan, videos, undisturbed)
    assert bytes_of(out) == bytes_of(undisturbed)


def test_what_another_run_is_at_is_left_to_it(plan, pictures, tmp_path):
    videos, out = pictures("a", "b"), tmp_path / "out"
    (out / "a").mkdir(parents=True)
    lock = FolderLock(out / "a", "")
    assert states(plan, videos, out) == {"a": State.BUSY, "b": State.DONE}
    assert list((out / "a").iterdir()) == []
    lock.close()
    assert states(plan, videos, out) == {"a": State.DONE, "b": State.SKIPPED}


def test_files_that_no_run_wrote_stay(plan, pictures, tmp_path):
    videos, out = pictures("a", "b"), tmp_path / "out"
    for name in ("a/results.json", "b/done.json"):
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("mine")
    assert states(plan, videos, out) == {"a": State.FAILED, "b": State.FAILED}
    assert bytes_of(out) == {"a/results.json": b"mine", "b/done.json": b"mine"}


def test_a_model_that_cannot_be_built_is_the_end(plan, pictures, tmp_path):
    videos, out = pictures("a", "b"), tmp_path / "out"
    with pytest.raises(InputError, match="no such model"):
        states(replace(plan, spec=FakeSpec(InputError("no such model"))), videos, out)
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_an_input_that_ends_the_process_again_and_again_has_failed(plan, pictures, tmp_path):
    """Its neighbours are done; what was begun with them is forgotten at the end."""
    videos, out = pictures("a", "b", "c"), tmp_path / "out"
    out.mkdir()
    with AttemptsFolder(out) as folder:
        attempts = Attempts(folder)
        for _ in range(MOST):
            attempts.begin(1)
        attempts.begin(2)  # once only: is tried again, by itself
        assert states(replace(plan, attempts=folder), videos, out) == {
            "a": State.DONE, "b": State.FAILED, "c": State.DONE,
        }  # fmt: skip
        assert sorted(path.name for path in folder.iterdir()) == ["1"]
        with AttemptsFolder(out) as second:  # another run's are not touched while it lasts
            assert folder.exists()
    assert sorted(path.name for path in out.iterdir()) == ["a", "c"]
    (out / ".attempts-left").mkdir()
    with AttemptsFolder(out) as folder:
        assert list(out.glob(".attempts-*")) == [folder]
    assert not second.exists()


def test_memory_does_not_grow_with_the_number_of_inputs(plan, pictures, tmp_path):
    """Of each input nothing but its outcome stays."""
    videos, out = pictures(*map(str, range(60)), frames=2), tmp_path / "out"
    jobs = [Job(index, video, str(out / str(index)), str(out / f"{index}-x")) for index, video in enumerate(videos)]
    runner, counts, peaks = VideoRunner(plan), Counter(), []
    for _ in range(20):
        runner.run(iter(jobs), lambda outcome: counts.update([outcome.state]), threading.Event())
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert counts == {State.DONE: 60, State.SKIPPED: 19 * 60}
    assert peaks[-1] - peaks[1] < 8 * 2**10  # KiB


def test_done_says_what_was_answered(plan, pictures, tmp_path):
    videos, out = pictures("a"), tmp_path / "out"
    states(plan, videos, out)
    done = json.loads((out / "a/done.json").read_text())
    assert set(done["files"]) == FILES - {"done.json"}
    assert (done["num_frames"], done["labels"]) == (3, ["dog"])
    assert done["input"]["path"] == os.path.realpath(videos[0])
