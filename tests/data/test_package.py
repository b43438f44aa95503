"""What the package promises beyond what all packages do (tests/integration)."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def package(repo_root):
    return repo_root / "packages" / "clipvis-data"


def test_the_light_modules_do_not_import_mmdet(package):
    for name in ("errors", "rle", "vocabularies", "annotation_files", "paths"):
        text = (package / "src" / "clipvis_data" / f"{name}.py").read_text()
        assert not re.search(r"^\s*(from|import) (mm|torch)", text, re.MULTILINE), name


def test_data_files_are_packaged(package):
    text = (package / "pyproject.toml").read_text()
    assert '"vocabulary_lists/*.json"' in text
    assert '"py.typed"' in text
