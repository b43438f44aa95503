"""Runs programs of `tools/` one after the other in one process, which saves their imports."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def run_tool(tools: Path, name: str, *arguments: str) -> int:
    """What `python tools/NAME ARGUMENTS` does; its exit code. Mistakes raise."""
    sys.path[:0] = [str(tools), str(Path(__file__).parent)]
    before = sys.argv
    sys.argv = [name, *arguments]
    try:
        spec = importlib.util.spec_from_file_location(f"tool_{Path(name).stem}", tools / name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main() or 0
    finally:
        sys.argv = before
        del sys.path[:2]
