"""What arguments and lists mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clipvis_core import InputError
from clipvis_core.batch.inputs import find_inputs, holds_videos, is_glob, read_list
from clipvis_core.batch.jobs import jobs_of


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Videos, frames and other things; names are enough."""
    for name in (
        "clips/b10.mp4", "clips/b9.MOV", "clips/.hidden.mp4", "clips/notes.txt", "clips/deep/er/c.mkv",
        "clips/frames/0.png", "clips/frames/1.png", "clips/mixed/0.jpg", "clips/mixed/d.webm", "clips/a [1].mp4",
        "frames/0.png", "empty/x.txt",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str, out: str = "out", **options) -> list[tuple[str, str]]:
    return [(entry.path, entry.name) for entry in find_inputs(arguments, Path(out), **options)]


def test_files_and_folders_of_frames_stay_and_folders_of_videos_are_listed(tree):
    assert names("frames", "clips/b10.mp4", "gone.mp4") == [
        ("frames", "frames"), ("clips/b10.mp4", "b10"), ("gone.mp4", "gone"),
    ]  # fmt: skip
    assert [name for _, name in names("clips")] == ["a [1]", "b9", "b10"]
    assert names("empty") == [("empty", "empty")]


def test_recursive_search_keeps_the_folders_in_the_names(tree, capsys):
    found = names("clips", recursive=True)
    assert sorted(name for _, name in found) == ["a [1]", "b10", "b9", "deep/er/c", "frames", "mixed/d"]
    assert dict(found)["clips/frames"] == "frames"
    assert "clips/mixed holds videos and 1 images: the images are passed over" in capsys.readouterr().err
    with pytest.raises(InputError, match="no input is left"):
        names("empty", recursive=True)


def test_a_mixed_folder_is_its_frames(tree, capsys):
    assert names("clips/mixed") == [("clips/mixed", "mixed")]
    assert "is one video, its frames; for the 1 videos in it name clips/mixed/*.webm" in capsys.readouterr().err
    assert (holds_videos("clips"), holds_videos("clips/mixed"), holds_videos("frames")) == (True, False, False)


def test_globs(tree):
    assert [path for path, _ in names("clips/b*")] == ["clips/b9.MOV", "clips/b10.mp4"]
    assert names("clips/a [1].mp4") == [("clips/a [1].mp4", "a [1]")]
    assert (is_glob("clips/*"), is_glob("clips/a [1].mp4"), is_glob("clips")) == (True, False, False)
    with pytest.raises(InputError, match=r"clips/\*.avi matches nothing"):
        names("clips/*.avi")


def test_lists(tree):
    lines = "﻿# comment\n\nclips/a [1].mp4\r\n  frames  \nwith * star.mp4\n"
    Path("list.txt").write_text(lines, encoding="utf-8")
    listed = read_list("list.txt")
    assert listed == ["clips/a [1].mp4", "frames", "with * star.mp4"]
    assert [name for _, name in names(listed=listed)] == ["a [1]", "frames", "with * star"]
    Path("list.txt").write_text("# nothing\n")
    for name in ("list.txt", "gone.txt"):
        with pytest.raises(InputError, match=name):
            read_list(name)


def test_each_input_is_taken_once(tree, capsys):
    os.symlink("b10.mp4", "clips/link.mp4")
    found = names("clips/b10.mp4", "clips/../clips/b10.mp4", "clips/link.mp4", "frames", "frames/")
    assert [name for _, name in found] == ["b10", "frames"]
    assert "3 of the inputs were named before" in capsys.readouterr().err


def test_what_runs_wrote_is_no_input(tree):
    """Also where the output folder is within the input folder."""
    record = '{"made_by": "clipvis", "files": []}'
    for folder in ("clips/out/b9", "clips/answer"):
        Path(folder).mkdir(parents=True)
        Path(folder, "video.json").write_text(record)
        Path(folder, "overlay.mp4").touch()
    before = {name for _, name in names("clips", out="clips/out", recursive=True)}
    assert not [name for name in before if "overlay" in name]
    with pytest.raises(InputError, match="is the output folder and an input"):
        names("clips", out="clips")


@pytest.mark.parametrize("once", ["-", "0", "/dev/video3", "pipe"])
def test_what_comes_once_is_given_alone(tree, once):
    os.mkfifo("pipe")
    with pytest.raises(InputError, match=f"{once} comes only once"):
        names("frames", once)


def test_ten_thousand_inputs(tree):
    many = [f"clips/{index % 5000}/{index}.mp4" for index in range(10_000)]
    jobs = jobs_of(find_inputs([], Path("out"), listed=many), Path("out"))
    assert len({job.folder for job in jobs}) == 10_000
