"""A folder is there whole or as it was before."""

from __future__ import annotations

import pytest

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_folder import parts_beside, whole_folder


@pytest.fixture
def folder(tmp_path):
    """A folder with an old file."""
    path = tmp_path / "set"
    path.mkdir()
    (path / "old").write_text("old")
    return path


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def test_a_new_folder_takes_the_place_of_the_old_one(folder):
    with whole_folder(folder) as new:
        (new / "new").write_text("new")
        assert names(folder) == ["old"]
    assert names(folder) == ["new"]
    assert names(folder.parent) == ["set"]


def test_parents_are_made(tmp_path):
    with whole_folder(tmp_path / "a/b") as new:
        (new / "new").write_text("new")
    assert names(tmp_path / "a/b") == ["new"]


def test_an_error_leaves_everything_as_it_was(folder):
    with pytest.raises(ZeroDivisionError), whole_folder(folder) as new:
        new.joinpath("new").write_text(str(1 // 0))
    assert names(folder) == ["old"]
    assert names(folder.parent) == ["set"]


def test_one_run_at_a_time(folder):
    with whole_folder(folder) as new:
        (new / "new").write_text("new")
        with pytest.raises(InputError, match="another run is writing"), whole_folder(folder):
            pass
        assert names(new) == ["new"]
    assert names(folder) == ["new"]


def test_what_a_killed_run_left_is_cleared(folder):
    left = folder.parent / ".set.parts"
    (left / "new").mkdir(parents=True)
    (left / "half").write_text("half")
    with parts_beside(folder) as parts:
        assert names(parts) == []
    assert names(folder.parent) == ["set"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), whole_folder(tmp_path / "file/set"):
        pass
