"""The package declares what it imports."""

from __future__ import annotations

import ast
import re
import sys

import pytest

DISTRIBUTIONS = {
    "faster_coco_eval": "faster-coco-eval",
    "clipvis_data": "clipvis-data",
}
OPTIONAL = {"trackeval"}


def imported_modules(folder):
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.split(".")[0]


@pytest.fixture
def package(repo_root):
    return repo_root / "packages" / "clipvis-eval"


def declared(package):
    text = (package / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S).group(1)
    optional = re.search(r"^burst = \[(.*?)\]", text, re.M).group(1)
    names = [re.findall(r'"([A-Za-z0-9_-]+)', part) for part in (listed, optional)]
    return {name.lower() for name in names[0]}, {name.lower() for name in names[1]}


def test_every_import_is_declared_and_every_declaration_imported(package):
    used = set(imported_modules(package / "src" / "clipvis_eval"))
    used -= set(sys.stdlib_module_names) | {"clipvis_eval"}
    required, optional = declared(package)
    assert {DISTRIBUTIONS.get(name, name) for name in used - OPTIONAL} == required
    assert used & OPTIONAL == optional


def test_only_the_allowed_arrow(package):
    used = set(imported_modules(package / "src" / "clipvis_eval"))
    assert not used & {"clipvis_core", "clipvis_train"}
