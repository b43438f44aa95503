"""Files that are there whole or not at all."""

from __future__ import annotations

import pytest

from clipvis_core.whole_file import whole_file


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
