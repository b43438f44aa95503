"""Each package stands alone: what it imports it declares, and siblings only along the allowed arrows."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib

import pytest

ARROWS = {"core": set(), "data": {"core"}, "eval": {"core", "data"}, "train": {"core", "data", "eval"}}
DISTRIBUTIONS = {
    "cv2": "opencv-python",
    "lap": "lapx",
    "mmcv": "mmcv-lite",
    "open_clip": "open_clip_torch",
    "PIL": "pillow",
    "yaml": "pyyaml",
}
#: Something each package registers with mmdet when its parts are imported.
REGISTERED = {
    "core": ("MODELS", "CLIPVISVideo"),
    "data": ("DATASETS", "VideoInstanceDataset"),
    "eval": ("METRICS", "LVVISTrackMetric"),
    "train": ("HOOKS", "SafeCheckpointHook"),
}

REGISTERS = {
    "core": "clipvis_core.models",
    "data": "clipvis_data.datasets",
    "eval": "clipvis_eval.metrics, clipvis_eval.running",
    "train": "clipvis_train.hooks",
}
#: What the ground floor may import besides itself and the standard library.
GROUND = {"numpy", "orjson", "pillow", "pycocotools"}

packages = pytest.mark.parametrize("name", sorted(ARROWS))


def imported_modules(folder) -> set[str]:
    """Dotted names of all imports but relative ones; `from a import b` counts as `a`, and as `a.b` for our packages."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                ours = node.module.startswith("clipvis_")
                names |= {f"{node.module}.{alias.name}" for alias in node.names} if ours else {node.module}
    return names


def imported(folder) -> set[str]:
    """Distributions of all imports but relative ones and the standard library's."""
    names = {name.split(".")[0] for name in imported_modules(folder)}
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
def test_arrows_are_those_of_the_code(repo_root, name):
    """core -> nothing; data -> core.foundation; eval -> data, core.foundation; train -> core, data, eval."""
    folder = repo_root / "packages" / f"clipvis-{name}" / "src" / f"clipvis_{name}"
    ours = {module for module in imported_modules(folder) if module.startswith("clipvis_")}
    used = {module.split(".")[0].removeprefix("clipvis_") for module in ours} - {name}
    assert used <= ARROWS[name]
    if name in ("data", "eval"):
        of_core = {module for module in ours if module.startswith("clipvis_core")}
        assert all(module.startswith("clipvis_core.foundation.") for module in of_core), of_core


def test_the_ground_floor_imports_neither_torch_nor_mmdet(repo_root):
    folder = repo_root / "packages" / "clipvis-core" / "src" / "clipvis_core" / "foundation"
    ours = {module for module in imported_modules(folder) if module.startswith("clipvis_")}
    assert all(module.startswith("clipvis_core.foundation.") for module in ours), ours
    assert imported(folder) - {"clipvis-core"} == GROUND


def test_importing_a_package_is_light():
    code = "import sys, clipvis_core, clipvis_data, clipvis_eval, clipvis_train; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "mmdet", "mmengine", "mmcv"} & set(loaded)


@pytest.mark.parametrize("benchmark", ["lvvis", "coco"])
def test_scoring_a_result_file_imports_no_torch(repo_root, tmp_path, benchmark):
    mask = {"size": [4, 5], "counts": "1330O03"}
    if benchmark == "coco":
        truth = {"images": [{"id": 1, "height": 4, "width": 5}], "categories": [{"id": 1, "name": "a"}]}
        record = {"image_id": 1, "category_id": 1, "segmentation": mask}
        truth["annotations"] = [{"id": 1, **record, "area": 9, "bbox": [1, 1, 3, 3], "iscrowd": 0}]
    else:
        truth = {"videos": [{"id": 1, "height": 4, "width": 5, "length": 1}]}
        truth["categories"] = [{"id": 1, "name": "a", "partition": 0}]
        record = {"video_id": 1, "category_id": 1, "segmentations": [mask]}
        truth["annotations"] = [{"id": 1, **record, "areas": [9]}]
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps([{**record, "score": 0.5}]))
    code = f"""
import runpy, sys
sys.path.insert(0, {str(repo_root / "tools")!r})
sys.argv = "evaluate.py --benchmark {benchmark} --gt gt.json --results dt.json --out m.json".split()
try:
    runpy.run_path({str(repo_root / "tools" / "evaluate.py")!r}, run_name="__main__")
except SystemExit as stop:
    assert not stop.code
print(*sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "m.json").read_text())["metrics"]["AP"] == pytest.approx(1.0)
    assert not {"torch", "mmdet", "mmengine", "mmcv"} & set(result.stdout.splitlines()[-1].split())


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
