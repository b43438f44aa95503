"""What people's machines and habits do to the programs: full disks and memory, folders that are not there, pipes."""

from __future__ import annotations

import errno
import json
import os
import sys

import numpy as np
import pytest
from pycocotools import mask as mask_api

from clipvis_core.foundation.errors import InputError
from clipvis_core.inference import building
from clipvis_core.media import open_frames


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. "), "--shm-size"),
        (RuntimeError("DataLoader worker (pid 7) exited unexpectedly"), "num_workers=0"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
    ],
)
def test_limits_of_the_machine_have_a_remedy(fault, message):
    from _run_config import machine_limits

    with pytest.raises(InputError, match=message), machine_limits():
        raise fault


@pytest.mark.parametrize("place", ["/proc/nowhere/work", "file/work"])
def test_a_work_folder_that_cannot_be_made(tmp_path, monkeypatch, place):
    from _run_config import parts_of

    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--work-dir, or correct c\.py"), parts_of("c.py"):
        os.makedirs(place)


def test_a_full_folder_for_temporary_files_is_not_the_configs_fault(repo_root, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/copy.py")

    monkeypatch.setattr(building.Config, "fromfile", fail)
    with pytest.raises(InputError, match=r"No space left on device: make room, or set TMPDIR"):
        building.read_config(repo_root / "configs/quick/clips.py")


def test_a_closed_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input"):
        list(open_frames("-"))


@pytest.fixture
def evaluated(tmp_path):
    """Options of an evaluation: one object, found; with a mask for the files of videos, too."""
    mask = mask_api.encode(np.asfortranarray(np.eye(8, dtype=np.uint8)))
    mask = {"size": mask["size"], "counts": mask["counts"].decode()}
    found = {"category_id": 1, "score": 0.5, "video_id": 1, "segmentations": [mask]}
    truth = {
        "videos": [{"id": 1, "height": 8, "width": 8, "length": 1, "file_names": ["v/0.jpg"]}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": 1, "iscrowd": 0, "areas": [8], "bboxes": [[0, 0, 8, 8]], **found}],
    }
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps([found]))
    return ["--gt", tmp_path / "gt.json", "--results", tmp_path / "results.json"]


def test_numbers_are_written_though_nobody_reads_the_table(program, evaluated, tmp_path, monkeypatch):
    from clipvis_eval import command_line

    def gone(*_):
        raise BrokenPipeError

    monkeypatch.setattr(command_line, "print_table", gone)
    monkeypatch.setattr("clipvis_core.foundation.program._drop_output", lambda: None)
    code, _, errors = program("evaluate.py", "--benchmark", "ytvis2019", *evaluated, "--out", tmp_path / "m.json")
    assert (code, errors.count("Traceback")) == (0, 0)
    assert json.loads((tmp_path / "m.json").read_text())["metrics"]["AP"] == pytest.approx(1)


@pytest.mark.parametrize("name", ["evaluate.py", "make_submission.py"])
def test_an_output_in_a_folder_that_is_not_there(program, evaluated, tmp_path, name):
    out = ["--benchmark", "ytvis2019", "--out", tmp_path / "none" / "out"]
    code, _, errors = program(name, *out, *evaluated)
    assert (code, errors.startswith("error: "), errors.count("\n")) == (2, True, 1), errors


def test_charts_on_a_full_disk(program, evaluated, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("clipvis_core.foundation.whole_file.os.fsync", fail)
    code, _, errors = program("evaluate.py", "--benchmark", "ytvis2019", *evaluated, "--plots", tmp_path / "charts")
    assert (code, errors.count("\n")) == (2, 1), errors
    assert "precision_recall.png: cannot be written: No space left on device" in errors
    assert list((tmp_path / "charts").iterdir()) == []
