"""Each package stands alone: what it imports it declares, and siblings only along the allowed arrows."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib

import pytest

ARROWS = {"core": set(), "data": {"core"}, "eval": {"core", "data"}, "train": {"core", "data", "eval"}}
DISTRIBUTIONS = {"cv2": "opencv-python", "lap": "lapx", "open_clip": "open_clip_torch", "PIL": "pillow"}
#: Something each package registers with mmdet when it is imported.
REGISTERED = {
    "core": ("MODELS", "CLIPVISVideo"),
    "data": ("DATASETS", "VideoInstanceDataset"),
    "eval": ("METRICS", "LVVISTrackMetric"),
    "train": ("HOOKS", "VocabularyHook"),
}

REGISTERS = {"core": "clipvis_core.models", "data": "clipvis_data", "eval": "clipvis_eval", "train": "clipvis_train"}

packages = pytest.mark.parametrize("name", sorted(ARROWS))


def imported(folder) -> set[str]:
    """Distributions of all imports but relative ones and the standard library's."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    names -= set(sys.stdlib_module_names) | {folder.name}
    return {DISTRIBUTIONS.get(name, name).replace("_", "-").lower() for name in names}


def declared(project: dict) -> tuple[set[str], set[str]]:
    """Names of the required and of the optional dependencies."""
    optional = [entry for extra in project.get("optional-dependencies", {}).values() for entry in extra]
    return tuple(
        {re.match(r"[\w.-]+", entry)[0].replace("_", "-").lower() for entry in entries}
        for entries in (project["dependencies"], optional)
    )


@packages
def test_dependencies_are_what_is_imported(repo_root, name):
    folder = repo_root / "packages" / f"clipvis-{name}"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    required, optional = declared(project)
    used = imported(folder / "src" / f"clipvis_{name}")
    assert used == required | optional
    assert {entry for entry in used if entry.startswith("clipvis-")} <= {
        f"clipvis-{sibling}" for sibling in ARROWS[name]
    }


def test_nothing_imports_a_project(repo_root):
    sources = [path for folder in ("packages", "tools", "configs") for path in (repo_root / folder).rglob("*.py")]
    pattern = re.compile(r"^\s*(from|import) projects\b|[\"']projects\.", re.MULTILINE)
    assert not [str(path) for path in sources if pattern.search(path.read_text(encoding="utf-8"))]


@packages
def test_imports_and_registers_without_the_others(repo_root, name, tmp_path):
    """In a process that finds no other package of ours, nor the repository."""
    for present in {name, *ARROWS[name]}:
        source = repo_root / "packages" / f"clipvis-{present}" / "src" / f"clipvis_{present}"
        (tmp_path / f"clipvis_{present}").symlink_to(source)
    absent = sorted(f"clipvis_{other}" for other in ARROWS.keys() - {name} - ARROWS[name])
    registry, part = REGISTERED[name]
    code = f"""
import sys
for absent in {absent}:
    sys.modules[absent] = None
import {REGISTERS[name]}, mmdet.registry, clipvis_{name}
assert clipvis_{name}.__file__.startswith({str(tmp_path)!r})
assert mmdet.registry.{registry}.get({part!r}) is not None
"""
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr


@packages
def test_marked_as_typed_with_readme_and_version(repo_root, name):
    folder = repo_root / "packages" / f"clipvis-{name}"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    module_spec = importlib.util.find_spec(f"clipvis_{name}")
    text = (folder / "src" / f"clipvis_{name}" / "__init__.py").read_text()
    assert f'__version__ = "{project["version"]}"' in text
    assert (folder / project["readme"]).is_file()
    assert (folder / "src" / f"clipvis_{name}" / "py.typed").is_file()
    assert module_spec is not None
