"""Many inputs on the command line, with the shipped model."""

from __future__ import annotations

import csv
import json
import os
import shutil
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from clipvis_core.foundation.folder_lock import FolderLock
from clipvis_core.media import VideoWriter, open_frames

ASKED = ["--classes", "dog; grass", "--short-side", "64", "--topk", "5"]


@pytest.fixture
def infer(run_program):
    return lambda *arguments: run_program("tools/infer.py", *arguments, *ASKED)


@pytest.fixture(scope="module")
def clips(repo_root, tmp_path_factory) -> Path:
    """A folder of three short clips, an unreadable one and what is no video."""
    folder = tmp_path_factory.mktemp("clips")
    frames = [np.ascontiguousarray(frame[::4, ::4]) for frame in open_frames(repo_root / "assets/demo.mp4")]
    for name, first in (("a", 0), ("b", 5), ("c", 10)):
        with VideoWriter(folder / f"{name}.mp4", Fraction(10), *frames[0].shape[:2]) as writer:
            for frame in frames[first : first + 3]:
                writer.write(frame)
    (folder / "broken.mp4").write_bytes((folder / "a.mp4").read_bytes()[:700])
    (folder / "notes.txt").write_text("no video")
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def summary(out: Path, name: str = "summary.csv") -> dict[str, str]:
    with (out / name).open(newline="") as file:
        return {Path(row["input"]).name: row.get("state", "failed") for row in csv.DictReader(file)}


def test_a_folder_is_done_once_and_as_each_clip_by_itself(infer, clips, tmp_path):
    out = tmp_path / "out"
    code, stdout, stderr = infer(clips, "--out-dir", out)
    assert code == 3
    assert summary(out) == {"a.mp4": "done", "b.mp4": "done", "c.mp4": "done", "broken.mp4": "failed"}
    assert summary(out, "failures.csv") == {"broken.mp4": "failed"}
    assert "3 done, 1 failed, see" in stdout
    assert stderr.count("no model given") == 1
    assert "failed: " in stderr
    assert "broken.mp4 cannot be read as a video" in stderr
    before = bytes_of(out)
    code, stdout, _ = infer(clips, "--out-dir", out)
    assert (code, "0 done, 3 skipped, done before, 1 failed" in stdout) == (3, True)
    assert {name for name, content in bytes_of(out).items() if before[name] != content} <= {"summary.csv"}
    assert infer(clips / "b.mp4", "--out-dir", tmp_path / "alone")[0] == 0
    alone = bytes_of(tmp_path / "alone")
    assert {f"b/{name}" for name in alone} == {name for name in before if name.startswith("b/")} - {"b/done.json"}
    for name in alone.keys() - {"video.json"}:  # which lists done.json among the files
        assert alone[name] == before[f"b/{name}"]


def test_shares_and_lists_and_options(infer, clips, tmp_path, monkeypatch):
    """Each share has a summary of its own; images, frames and cuts are done as alone."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(clips, "frames", ignore=lambda *_: os.listdir(clips))
    from PIL import Image

    for index, frame in enumerate(open_frames(clips / "a.mp4")):
        Image.fromarray(frame).save(f"frames/{index}.png")
    Path("list.txt").write_text(f"# inputs\n\n{clips}/a.mp4\nframes\nframes/1.png\n")
    for share in ("1/2", "2/2"):
        drawn = ["--contrast", "none", "--score-thr", "0", "--all-tracks"]
        asked = ["--stride", "2", "--masks", "--no-video", *drawn, "--export", "csv"]
        code, _, stderr = infer("--list", "list.txt", "--shard", share, *asked)
        assert code == 0, stderr
    out = tmp_path / "outputs"
    assert list(summary(out, "summary-1-of-2.csv")) == ["a.mp4", "1.png"]
    assert list(summary(out, "summary-2-of-2.csv")) == ["frames"]
    for name in ("a", "1", "frames"):
        (table,) = (out / name / "exports").iterdir()
        done = json.loads((out / name / "done.json").read_text())
        assert f"exports/{table.name}" in done["files"]
    assert sorted(path.name for path in (out / "a/masks").iterdir()) == ["00000.png", "00002.png"]
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["1", "a", "frames"]


def test_two_batches_share_an_output_folder(infer, clips, tmp_path, monkeypatch):
    """What the other one is at comes last; it is waited for."""
    out = tmp_path / "out"
    (out / "a").mkdir(parents=True)
    lock = FolderLock(out / "a", "")

    class OtherRunEnds(threading.Event):
        def wait(self, timeout: float) -> bool:
            lock.close()
            return False

    monkeypatch.setattr("clipvis_core.command_line.batch.threading", SimpleNamespace(Event=OtherRunEnds))
    code, stdout, stderr = infer(clips / "a.mp4", clips / "b.mp4", "--out-dir", out, "--no-video")
    assert (code, "2 done" in stdout) == (0, True)
    assert "another run is at 1 of the inputs; waiting for it" in stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.mp4", "b.mp4", "--stream"], "--stream and --live-... show frames as they come, of one input"),
        (["a.mp4", "b.mp4", "--live-only"], "--stream and --live-... show frames as they come, of one input"),
        (["a.mp4", "-"], "- comes only once"),
        (["--list", "gone.txt"], "--list gone.txt cannot be read"),
        (["a.mp4", "--workers", "0"], "--workers 0"),
        (["a.mp4", "--shard", "3/2"], "--shard 3/2"),
        (["--ray", "a.mp4"], "a.mp4 is a path"),
        (["*.avi"], "*.avi matches nothing"),
        (["--recursive", "empty"], "no input is left"),
        ([".", "--out-dir", "."], "is the output folder and an input"),
        ([], "no input given"),
        (["a.mp4", "--start", "9", "--end", "4"], "--end 4: give a time after --start (9 s)"),
        (["a.mp4", "--start", "1:75"], "--start 1:75: give seconds"),
        (["a.mp4", "--start", "nan"], "--start nan"),
        (["a.mp4", "--stride", "0"], "--stride 0"),
        (["a.mp4", "--fps", "-1"], "--fps -1"),
        (["a.mp4", "b.mp4", "--export", "nothing"], "there is no export 'nothing'"),
        (["a.mp4", "b.mp4", "--out-dir", "a.mp4"], "a.mp4 cannot be written (it is a file, or below one)"),
        (["a.mp4", "b.mp4", "--checkpoint", "gone.pth"], "gone.pth"),
    ],
)
def test_what_makes_no_batch_is_one_line(infer, clips, tmp_path, monkeypatch, arguments, message):
    shutil.copytree(clips, tmp_path / "clips")
    (tmp_path / "clips/empty").mkdir()
    monkeypatch.chdir(tmp_path / "clips")
    before = bytes_of(tmp_path / "clips")
    code, _, stderr = infer(*arguments)
    last = stderr.strip().splitlines()[-1]
    assert (code, last[:7]) == (2, "error: ")
    assert message in last
    assert len(last) < 300
    assert bytes_of(tmp_path / "clips") == before
    assert not Path("outputs").exists()
