"""Files that are there whole or not at all."""

from __future__ import annotations

import pytest

from clipvis_core.foundation.whole_file import remove_unfinished, whole_file


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "results.json"
    with whole_file(path) as file:
        file.write(b"first")
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(path)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def write_and_stop(path):
    with whole_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_missing_folder(tmp_path):
    with pytest.raises(OSError, match="missing"), whole_file(tmp_path / "missing" / "file"):
        pass


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    kept = [tmp_path / ".iter_1.pth", tmp_path / "iter_1.pth", tmp_path / ".config.part"]
    left = tmp_path / ".iter_2.pth.a1b2c3d4.part"
    other = tmp_path / ".results.json.a1b2c3d4.part"
    for path in (*kept, left, other):
        path.touch()
    assert remove_unfinished(tmp_path, "*.pth") == [left]
    assert remove_unfinished(tmp_path) == [other]
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_the_leftover_of_a_real_write_is_recognised(tmp_path, monkeypatch):
    monkeypatch.setattr("os.unlink", lambda path: None)  # as if killed before it could tidy up
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(tmp_path / "iter_1.pth")
    monkeypatch.undo()
    assert len(remove_unfinished(tmp_path, "*.pth")) == 1
    assert not list(tmp_path.iterdir())
