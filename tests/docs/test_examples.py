"""Every example in a docstring gives what it says."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Folders on the path, and where under them the modules are.
SOURCES = [*((src, "**/*.py") for src in sorted(ROOT.glob("packages/*/src"))), (ROOT / "tools", "**/*.py")]
SOURCES += [(ROOT, "projects/*/*/*.py")]


def modules_with_examples() -> list[str]:
    """Dotted names of the modules whose text holds a doctest that is run."""
    names = []
    for source, pattern in SOURCES:
        for path in sorted(source.glob(pattern)):
            lines = path.read_text(encoding="utf-8").splitlines()
            if any(">>> " in line and "+SKIP" not in line for line in lines):
                parts = path.relative_to(source).with_suffix("").parts
                names.append(".".join(part for part in parts if part != "__init__"))
    return names


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples(name, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
