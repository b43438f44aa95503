"""Nothing private of mmengine, mmdet or mmcv is used: a new version of theirs may change it without a word."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

THEIRS = ("mmengine", "mmdet", "mmcv")
#: What the code uses of Python's and torch's private names; all other private names have to be our own.
OTHERS = {
    "_exit", "_on_queue_feeder_error",  # os and multiprocessing: how a process ends
    "_MutuallyExclusiveGroup", "_SubParsersAction", "_action_groups", "_actions", "_expand_help", "_get_formatter",
    "_group_actions",  # argparse: the options of a command, for the site
    "_overloadpacket", "_version",  # torch: an operator's name, whether a tensor was written to
    "_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu",  # operators of torch
}  # fmt: skip
BY_NAME = ("getattr", "setattr", "hasattr", "delattr")
#: Abstract methods of theirs, which a subclass has to define.
ABSTRACT = {"_forward"}


def is_private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


def sets_own(node: ast.Attribute) -> bool:
    """Whether it is `self.name = ...`."""
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self"


def defined(tree: ast.AST) -> Iterator[str]:
    """Names of functions, classes, variables, and of attributes that an object gives itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and sets_own(node):
            yield node.attr


def used(tree: ast.AST) -> Iterator[str]:
    """Names of attributes that are read, set or deleted, by `getattr` and the like too; those of mm imports in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not sets_own(node):
            yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in BY_NAME:
            yield from (part.value for part in node.args if isinstance(part, ast.Constant))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in THEIRS:
            yield from (*node.module.split("."), *(alias.name for alias in node.names))
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from (part for parts in names if parts[0] in THEIRS for part in parts)


def private_names(trees: dict[Path, ast.AST]) -> set[str]:
    """`file: name` of each private name that no file defines."""
    own = {name for tree in trees.values() for name in defined(tree)} | OTHERS
    return {
        f"{path.name}: {name}"
        for path, tree in trees.items()
        for name in used(tree)
        if is_private(name) and name not in own
    }


def test_no_private_name_of_theirs_is_used(repo_root):
    files = [path for folder in ("packages", "tools", "projects") for path in (repo_root / folder).rglob("*.py")]
    trees = {path: ast.parse(path.read_text("utf-8")) for path in files if "tests" not in path.parts}
    assert private_names(trees) == set()


@pytest.mark.parametrize(
    "code",
    [
        "runner._resume = True", "print(cfg._cfg_dict)", "self._has_loaded", "getattr(runner, '_resume')",
        "from mmengine.runner.checkpoint import _load_checkpoint", "import mmcv._ext",
    ],
)  # fmt: skip
def test_a_private_name_is_found(code):
    assert private_names({Path("file.py"): ast.parse(code)}) != set()


def test_no_private_method_of_theirs_is_replaced():
    for name in ("clipvis_core.models", "clipvis_data.datasets", "clipvis_eval.running", "clipvis_train.hooks"):
        importlib.import_module(name)
    modules = [module for name, module in sys.modules.items() if name.startswith("clipvis_")]
    ours = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    replaced = {
        f"{kind.__qualname__}.{name}"
        for kind in ours
        for base in kind.__mro__[1:]
        if kind.__module__.startswith("clipvis_") and base.__module__.split(".")[0] in THEIRS
        for name in vars(kind).keys() & vars(base).keys() - ABSTRACT - {"_abc_impl"}
        if is_private(name)
    }
    assert replaced == set()
