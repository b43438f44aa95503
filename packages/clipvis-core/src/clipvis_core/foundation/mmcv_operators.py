"""mmdet on an mmcv without compiled operators.

mmdet imports `mmcv.ops`, whose modules load the compiled extension `mmcv._ext` when they are imported. The model of
this repository calls none of its operators on a CPU, so the distribution `mmcv-lite`, which has all of mmcv's Python
and no extension, is enough; a stand-in then takes the extension's place. A compiled extension is used as it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from clipvis_core.foundation.errors import InputError

EXTENSION = "mmcv._ext"
NEWEST = (2, 1)  # mmdet 3.3 refuses 2.2
_VERSION_QUERIES = ("get_compiling_cuda_version", "get_compiler_version")


class MissingOperators(ModuleType):
    """Has every operator by name; calling one says that it is missing.

    Its specification has no loader: by that mmengine's `mmcv_full_available` tells that nothing is compiled.
    """

    def __init__(self) -> None:
        super().__init__(EXTENSION, "mmcv without compiled operators")
        self.__spec__ = ModuleSpec(EXTENSION, loader=None)

    def __getattr__(self, name: str) -> Callable:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _VERSION_QUERIES:
            return lambda: "not available"

        def missing(*_: object, **__: object) -> None:
            raise InputError(
                f"mmcv's operator {name} is not compiled here: build it with `make setup CUDA_OPS=1`, or install an "
                "mmcv 2.1 with operators (docs/install.md)"
            )

        return missing


def stand_in_for_operators() -> None:
    """Puts the stand-in where `mmcv.ops` looks for the extension, if mmcv is there and has none.

    To be called before mmdet is imported. Imports neither mmcv nor torch.
    """
    mmcv = find_spec("mmcv")
    if mmcv is None or EXTENSION in sys.modules:
        return
    if PathFinder.find_spec(EXTENSION, mmcv.submodule_search_locations) is None:
        sys.modules[EXTENSION] = MissingOperators()


def check_mmcv_version() -> None:
    """Refuses an mmcv that mmdet 3.3 does not run with.

    Raises:
        InputError: mmcv is missing, older than 2.0 or newer than 2.1.
    """
    mmcv = find_spec("mmcv")
    remedy = "pip install 'mmcv-lite==2.1.0'"
    if mmcv is None:
        raise InputError(f"mmcv is not installed: {remedy}")
    text = Path(mmcv.origin).with_name("version.py").read_text("utf-8")
    version = re.search(r"__version__ = ['\"](([0-9]+)\.([0-9]+)[^'\"]*)", text)
    if not (2, 0) <= (int(version[2]), int(version[3])) <= NEWEST:
        raise InputError(
            f"mmcv {version[1]} is installed and mmdet 3.3 needs 2.0 or 2.1: pip uninstall mmcv mmcv-lite, "
            f"then {remedy}"
        )
