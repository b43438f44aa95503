"""The package stands alone: declared dependencies, allowed imports, data files."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest

# Distribution that provides an import, where the names differ.
DISTRIBUTIONS = {"cv2": "opencv-python", "PIL": "pillow"}


@pytest.fixture
def package(repo_root):
    return repo_root / "packages" / "clipvis-data"


def imported_modules(package):
    """Top-level names of what the package imports from outside itself and the standard library."""
    names = set()
    for path in (package / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names)


def declared_dependencies(package):
    text = (package / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE).group(1)
    return {name.lower() for name in re.findall(r'^\s*"([A-Za-z0-9_.-]+)', block, re.MULTILINE)}


def test_every_import_is_declared_and_every_declaration_is_imported(package):
    imported = {DISTRIBUTIONS.get(name, name) for name in imported_modules(package)}
    assert imported == declared_dependencies(package)


def test_the_light_modules_do_not_import_mmdet(package):
    for name in ("errors", "rle", "vocabularies", "annotation_files", "paths"):
        text = (package / "src" / "clipvis_data" / f"{name}.py").read_text()
        assert not re.search(r"^\s*(from|import) (mm|torch)", text, re.MULTILINE), name


def test_it_imports_without_its_siblings(package):
    code = (
        "import sys, clipvis_data; from mmdet.registry import DATASETS, TRANSFORMS, DATA_SAMPLERS; "
        "assert not {'clipvis_core', 'clipvis_train', 'clipvis_eval'} & sys.modules.keys(); "
        "assert DATASETS.get('VideoInstanceDataset') and DATASETS.get('LVISInstanceDataset'); "
        "assert TRANSFORMS.get('LargeScaleJitter') and DATA_SAMPLERS.get('RepeatFactorSampler'); "
        "assert len(clipvis_data.load_vocabulary('lvvis')) == 1196"
    )
    environment = {**os.environ, "PYTHONPATH": str(package / "src")}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr


def test_data_files_are_packaged(package):
    text = (package / "pyproject.toml").read_text()
    assert '"vocabulary_lists/*.json"' in text
    assert '"py.typed"' in text
