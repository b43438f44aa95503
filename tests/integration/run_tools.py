"""Runs programs of `tools/` one after the other in one process, which saves their imports.

As a program: `run_tools.py TOOLS_FOLDER '[["train.py", "CONFIG", ...], ...]'`, also under torchrun.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import torch


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    for command in json.loads(sys.argv[2]):
        run_tool(Path(sys.argv[1]), *command)
