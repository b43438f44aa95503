"""Runs programs one after the other, each in a fork, and interrupts them: `interrupted.py MOMENT < programs.json`.

MOMENT is "arguments" (when the arguments have been read) or "import" (when the first module is imported after that).
Reads {name: [start, *arguments]} with a path or module:function as start, and writes {name: [exit code, stderr]}.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
from types import ModuleType


class Interrupting:
    """An import hook that presses Ctrl-C when a module is looked for, and swallows what comes of it."""

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException:
            raise ImportError("as libraries make of it") from None


def interrupt_after_arguments(moment: str) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parse_and_interrupt(*arguments: object, **named: object) -> argparse.Namespace:
        args = parse(*arguments, **named)
        if moment == "import":
            sys.meta_path.insert(0, Interrupting())
        elif moment == "arguments":
            signal.raise_signal(signal.SIGINT)
        return args

    argparse.ArgumentParser.parse_args = parse_and_interrupt


def start(program: list[str]) -> None:
    sys.argv = program
    if program[0].endswith(".py"):
        sys.path.insert(0, os.path.dirname(program[0]))
        runpy.run_path(program[0], run_name="__main__")
    else:
        module, function = program[0].split(":")
        getattr(importlib.import_module(module), function)()


def outcome(program: list[str]) -> tuple[int, str]:
    """Exit code and stderr; the modules it has imported follow stderr in brackets."""
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(errors.fileno(), 2)
            code = 1
            try:
                start(program)
            except SystemExit as leaving:
                code = leaving.code or 0
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            sys.stderr.flush()
            os._exit(99 if "torch" in sys.modules else code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors.seek(0)
        return code, errors.read().decode()


if __name__ == "__main__":
    import clipvis_core.command_line.infer_options  # noqa: F401 - once, not in each fork
    import clipvis_eval.report  # noqa: F401

    assert "torch" not in sys.modules
    interrupt_after_arguments(sys.argv[1])
    json.dump({name: outcome(program) for name, program in json.load(sys.stdin).items()}, sys.stdout)
