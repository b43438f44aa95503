"""Starts programs of tools/ quickly: a process that has imported what they need, and forks for each of them.

It reads a line of json for each request from its standard input, and answers with one.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import time
import traceback

MODULES = (
    *("clipvis_core.command_line.infer", "clipvis_data.datasets", "clipvis_eval.metrics", "clipvis_eval.running"),
    "clipvis_train.hooks",
)


def serve() -> None:
    """Answers {"start": [program, *arguments], "log": file} with {"pid": ...}.

    And {"wait": pid, "seconds": s} with {"code": ...}: the exit code, negative for a signal, None if it still runs.
    """
    for name in MODULES:
        importlib.import_module(name)
    answer({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer({"pid": started(request["start"], request["log"])})
        else:
            answer({"code": waited(request["wait"], request["seconds"])})


def answer(content: dict) -> None:
    print(json.dumps(content), flush=True)


def started(arguments: list[str], log: str) -> int:
    """Forks; the child is a session of its own and runs the program as a shell would start it."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = arguments
    sys.path.insert(0, os.path.dirname(arguments[0]))
    code = 1
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as leaving:
        code = leaving.code or 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def waited(child: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


if __name__ == "__main__":
    serve()
