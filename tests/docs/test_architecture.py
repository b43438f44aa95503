"""The pictures of docs/architecture.md are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

PACKAGES = ("core", "data", "eval", "train")
#: Single modules of the core belong to the floor that they serve.
FLOOR_OF_MODULE = {"pipelining": "foundation", "model_zoo": "inference", "InputError": "foundation"}


def floor(module: str) -> str:
    """The box of the picture that a module of ours is in."""
    package, *rest = module.split(".")
    if package != "clipvis_core":
        return package.removeprefix("clipvis_")
    name = rest[0] if rest else "foundation"
    return FLOOR_OF_MODULE.get(name, "foundation" if name[0].isupper() else name)


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules of ours that are imported when a module is, or while it runs; not those for type checkers alone."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "clipvis_core":
            yield from (f"clipvis_core.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.fixture(scope="module")
def arrows(repo_root) -> set[tuple[str, str]]:
    found = set()
    for package in PACKAGES:
        source = repo_root / f"packages/clipvis-{package}/src"
        for path in source.rglob("*.py"):
            module = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
            for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
                if name.startswith("clipvis_"):
                    found.add((floor(module), floor(name)))
    return {(start, end) for start, end in found if start != end}


@pytest.fixture(scope="module")
def page(repo_root) -> str:
    return (repo_root / "docs/architecture.md").read_text(encoding="utf-8")


def test_the_arrows_are_the_imports(page, arrows):
    picture = re.search(r"```mermaid\nflowchart BT\n(.*?)```", page, re.S)[1]
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)$", picture, re.M))
    assert drawn == arrows


def test_no_floor_stands_on_itself(arrows):
    below = {start: {end for first, end in arrows if first == start} for start, _ in arrows}
    while below:
        ground = [name for name in below if not below[name] & below.keys()]
        assert ground, f"these import each other: {sorted(below)}"
        for name in ground:
            del below[name]


def test_the_steps_of_a_video_are_in_the_code(page, repo_root):
    picture = re.search(r"```mermaid\nflowchart LR\n(.*?)```", page, re.S)[1]
    source = "\n".join(path.read_text() for path in (repo_root / "packages/clipvis-core/src").rglob("*.py"))
    for step in re.findall(r"<b>(?:\w+\.)?(\w+)</b>", picture):
        assert f"def {step}(" in source, step
    for kind in re.findall(r"<br>(\w+):", picture):
        assert f"class {kind}" in source, kind
