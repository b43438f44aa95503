"""What the package promises beyond what all packages do (tests/integration)."""

from __future__ import annotations


def test_data_files_are_packaged(repo_root):
    text = (repo_root / "packages" / "clipvis-data" / "pyproject.toml").read_text()
    assert '"vocabulary_lists/*.json"' in text
    assert '"py.typed"' in text
