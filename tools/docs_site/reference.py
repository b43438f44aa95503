"""A page for each module of the four packages; mkdocstrings fills it from the docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("core", "data", "eval", "train")


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Dotted name and file of each public module."""
    for package in PACKAGES:
        source = root / f"packages/clipvis-{package}/src"
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            if not any(part.startswith(("_", ".")) and part != "__init__" for part in parts):
                yield ".".join(part for part in parts if part != "__init__"), path


def address(module: str, *, is_package: bool) -> str:
    """Address of a module's page."""
    return f"reference/{module.replace('.', '/')}{'/index' * is_package}.md"


def page_of(path: str) -> str | None:
    """Address of the page of a source file, if it is one of a package."""
    package, found, inner = path.partition("/src/")
    if not found or not package.startswith("packages/") or not path.endswith(".py"):
        return None
    module = inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return address(module, is_package=inner.endswith("__init__.py"))


def pages(root: Path) -> dict[str, str]:
    """Address and text of each page."""
    return {address(name, is_package=path.stem == "__init__"): page(name, path) for name, path in modules(root)}


def page(module: str, path: Path) -> str:
    """The page of a module. A package's lists what it exports, whose text is on the pages of its modules."""
    title = f"---\ntitle: {module.partition('.')[2] or module}\n---\n\n"
    if path.stem != "__init__":
        return f"{title}::: {module}\n"
    lines = [
        f"- `{name}`" if name.isupper() else f"- [`{name}`][{origin}.{name}]" for name, origin in exports(module, path)
    ]
    listed = "\nExports:\n\n" + "\n".join(lines) + "\n" if lines else ""
    return f"{title}::: {module}\n    options:\n      members: false\n{listed}"


def exports(package: str, path: Path) -> list[tuple[str, str]]:
    """Names in the `__all__` of a package and the modules they are from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    origins = {
        alias.asname or alias.name: ".".join(filter(None, (package if node.level else "", node.module)))
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return [(name, origins[name]) for names in listed for name in names if name in origins]


def navigation(root: Path) -> list[dict]:
    """The modules as sections of the navigation, a tree as the packages are."""
    tree: dict[str, list] = {}
    for name, path in modules(root):
        parent, _, leaf = name.rpartition(".")
        if path.stem == "__init__":
            tree[name] = [address(name, is_package=True)]
            if parent:
                tree[parent].append({leaf: tree[name]})
        else:
            tree[parent].append({leaf: address(name, is_package=False)})
    return [{name: tree[name]} for name in tree if "." not in name]


def undocumented(root: Path) -> Iterator[str]:
    """Public modules, classes, functions and methods without a docstring."""
    for name, path in modules(root):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            yield name
        yield from _undocumented_members(tree, name)


def _undocumented_members(parent: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        setter = any(isinstance(mark, ast.Attribute) and mark.attr == "setter" for mark in node.decorator_list)
        if not setter and not ast.get_docstring(node):
            yield f"{name}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_members(node, f"{name}.{node.name}")
