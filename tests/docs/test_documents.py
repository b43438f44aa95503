"""What the documents point at is there: links, headings, programs, configs, make targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORED = {".venv", ".git", "build", "outputs", "work_dirs", "datasets", "node_modules"}
DOCUMENTS = sorted(path for path in ROOT.rglob("*.md") if not IGNORED & set(path.relative_to(ROOT).parts))

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FOLDERS = "tools|configs|packages|projects|tests|docs|assets"
FILE = re.compile(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]*\w\.(?:py|sh|md|txt|mp4))")
TARGET = re.compile(r"`make ([a-z-]+)|^\s*make ([a-z-]+)", re.MULTILINE)


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(path: Path) -> set[str]:
    """Anchors that GitHub makes of a document's headings, and those that stand in it."""
    text = path.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ +(.+?)\s*$", text, re.MULTILINE)
    named = re.findall(r'<a id="([\w-]+)"></a>', text)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles} | set(named)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_relative_links(path):
    for groups in LINK.findall(path.read_text(encoding="utf-8")):
        link = groups[0] or groups[1]
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{link} points at nothing"
        assert not anchor or anchor in headings(target), f"{link}: no such heading"


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_files_named_in_the_text(path):
    for name in FILE.findall(path.read_text(encoding="utf-8")):
        assert (ROOT / name).exists() or (path.parent / name).exists(), f"{name} is not there"


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_make_targets_named_in_the_text(path):
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for groups in TARGET.findall(path.read_text(encoding="utf-8")):
        assert (groups[0] or groups[1]) in known
