"""The input is sacred: what a run may write over, and where it writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clipvis_core import InputError
from clipvis_core.inference.output_folder import RECORD, OutputFolder, default_folder, read_record

NAMES = ["overlay.mp4", "results.json", "masks"]


def write(folder: OutputFolder, name: str = "results.json") -> None:
    with folder.file(name) as file:
        file.write(b"[]")


def test_a_run_may_replace_what_a_run_wrote(tmp_path):
    for _ in range(2):
        with OutputFolder(tmp_path / "out", NAMES, video="a") as folder:
            write(folder)
        assert folder.written == ["results.json", RECORD]
    with OutputFolder(tmp_path / "out", ["vocabulary.json"], video="a"):
        pass
    assert set(read_record(tmp_path / "out")["files"]) == {*NAMES, "vocabulary.json"}


@pytest.mark.parametrize("name", [*NAMES, RECORD])
def test_what_no_run_wrote_is_not_replaced(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with (
        pytest.raises(InputError, match=f"{name} is none that this version wrote: move it away"),
        OutputFolder(tmp_path, NAMES),
    ):
        pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "{}")]


@pytest.mark.parametrize("kind", ["the file", "a hard link", "a symbolic link", "in the folder of masks"])
def test_what_is_read_is_not_replaced(tmp_path, kind):
    with OutputFolder(tmp_path, NAMES) as folder:
        write(folder, "overlay.mp4")
    read = tmp_path / "overlay.mp4"
    if kind == "in the folder of masks":
        read = tmp_path / "masks" / "00000.png"
        read.parent.mkdir()
        read.touch()
    elif kind != "the file":
        read = tmp_path / "clip.mp4"
        (os.link if kind == "a hard link" else os.symlink)(tmp_path / "overlay.mp4", read)
    with pytest.raises(InputError, match="is read by this run"), OutputFolder(tmp_path, NAMES, reads=[read]):
        pass


def test_the_folder_of_the_frames(tmp_path):
    (tmp_path / "0.png").touch()
    with (
        pytest.raises(InputError, match="is the folder of the frames"),
        OutputFolder(tmp_path, NAMES, reads=[tmp_path]),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["0.png"]


def test_two_runs_do_not_share_a_folder(tmp_path):
    with OutputFolder(tmp_path, NAMES) as folder:
        write(folder)
        with pytest.raises(InputError, match="another run is writing to"), OutputFolder(tmp_path, NAMES):
            pass
        assert (tmp_path / "results.json").exists()
    with OutputFolder(tmp_path, NAMES):
        pass


def test_a_folder_made_in_vain_goes_again(tmp_path):
    with pytest.raises(ZeroDivisionError), OutputFolder(tmp_path / "a" / "b", NAMES):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file/below", "/proc/nowhere"])
def test_nowhere_to_write(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as error, OutputFolder(tmp_path / place, NAMES):
        pass
    assert "choose another --out-dir" in str(error.value)
    assert len(str(error.value)) < 300


def test_leftovers_of_a_killed_run_go(tmp_path):
    with OutputFolder(tmp_path, NAMES) as folder:
        write(folder)
    for name in (".overlay.mp4.4711.part", ".results.json.k3.part", ".holiday.mp4.part", ".masks.x1/new/0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with OutputFolder(tmp_path, NAMES):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", RECORD, ".holiday.mp4.part"}


def test_each_video_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for video, number in (("a.mp4", ""), ("a.mov", "-2"), ("a.mp4", ""), (None, "-3"), (None, "-4"), ("a.mov", "-2")):
        chosen = default_folder("a", video)
        assert chosen == Path(f"outputs/a{number}")
        with OutputFolder(chosen, NAMES, video=video) as folder:
            write(folder)
