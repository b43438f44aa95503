"""mmdet on an mmcv without compiled operators."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clipvis_core.foundation import mmcv_operators
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.mmcv_operators import MissingOperators, check_mmcv_version

MMCV = """
import importlib
__version__ = {version!r}
def load(): return importlib.import_module("mmcv._ext")
"""


def run_with_mmcv(tmp_path, code: str, *, version: str = "2.1.0", extension: bool = False) -> str:
    """Output of a program that finds an mmcv of our making first."""
    package = tmp_path / "mmcv"
    package.mkdir()
    (package / "__init__.py").write_text(MMCV.format(version=version))
    (package / "version.py").write_text(f"__version__ = '{version}'\n")
    if extension:
        (package / "_ext.py").write_text("real = True\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_stand_in_takes_the_place_of_a_missing_extension(tmp_path):
    code = "import clipvis_core\nassert 'mmcv' not in sys.modules\nimport mmcv\nprint(type(mmcv.load()).__name__)"
    assert run_with_mmcv(tmp_path, code).strip() == "MissingOperators"


def test_a_compiled_extension_is_used(tmp_path):
    code = "import clipvis_core\nimport mmcv\nprint(mmcv.load().real)"
    assert run_with_mmcv(tmp_path, code, extension=True).strip() == "True"


def test_a_missing_operator_is_one_line_with_a_remedy():
    extension = MissingOperators()
    assert extension.get_compiling_cuda_version() == "not available"
    with pytest.raises(InputError, match=r"operator nms is not compiled here: .*CUDA_OPS=1") as error:
        extension.nms(1, score=2)
    assert "\n" not in str(error.value)


def test_mmdet_imports_with_the_mmcv_that_is_here():
    code = "import clipvis_core, mmdet.models, mmcv.ops; print(mmcv.ops.get_compiling_cuda_version())"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_mmengine_finds_no_compiled_operators(tmp_path):
    """Its runner asks, and replaces mmcv's synchronized normalization where they are."""
    code = (
        "import clipvis_core, mmcv, sys\nfrom mmengine.utils.dl_utils import mmcv_full_available\n"
        "print(mmcv_full_available(), type(mmcv.load()).__name__, mmcv_full_available())"
    )
    assert run_with_mmcv(tmp_path, code).split() == ["False", "MissingOperators", "False"]


def test_mmcv_that_is_there_fits():
    check_mmcv_version()


@pytest.mark.parametrize("version", ["2.2.0", "1.7.1"])
def test_another_mmcv_is_refused(tmp_path, version):
    code = (
        "from clipvis_core.foundation.mmcv_operators import check_mmcv_version\n"
        "try: check_mmcv_version()\nexcept ValueError as error: print(error)"
    )
    line = run_with_mmcv(tmp_path, code, version=version)
    assert line.startswith(f"mmcv {version} is installed and mmdet 3.3 needs 2.0 or 2.1: pip uninstall")


def test_no_mmcv_is_named(monkeypatch):
    monkeypatch.setattr(mmcv_operators, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="mmcv is not installed: pip install 'mmcv-lite"):
        check_mmcv_version()
