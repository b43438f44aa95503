"""A long command: its output in a log, its progress on one line of the terminal."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

_ACTIVITY = re.compile(r"\s*(Collecting|Downloading|Building|Preparing)\b")
_NINJA = re.compile(r"\s*\[(\d+)/(\d+)\]")
_LINE_EVERY = 30.0  # seconds between lines of progress where they cannot overwrite each other


def run_with_progress(
    name: str, command: Sequence[str], log: TextIO, environment: Mapping[str, str], folder: Path
) -> int:
    """Runs a command, copies its output into `log` and shows how far it is.

    Args:
        name: What the line of progress starts with.
        command: Program and arguments.
        log: File that takes the output, errors included.
        environment: All environment variables of the command.
        folder: Where it runs.

    Returns:
        The command's exit code. On an interrupt the command is ended, too.
    """
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd=folder,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    activity = ["starting"]
    reader = threading.Thread(target=_copy_output, args=(process, log, activity), daemon=True)
    reader.start()
    progress = ProgressLine(name)
    try:
        while process.poll() is None:
            progress.show(activity[0])
            time.sleep(0.2)
        reader.join()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)  # the compilers that pip has started, too
        process.wait()
        raise
    finally:
        progress.close()
    return process.returncode


def _copy_output(process: subprocess.Popen, log: TextIO, activity: list[str]) -> None:
    for line in process.stdout:
        log.write(line)
        log.flush()
        activity[0] = describe(line) or activity[0]


def describe(line: str) -> str | None:
    """What a line of pip's or ninja's output says about the progress, if anything.

    >>> describe("  [12/77] c++ -MMD -MF nms.o.d")
    'compiled 12 of 77'
    >>> describe("Collecting torch==2.11.0")
    'Collecting torch==2.11.0'
    >>> describe("Installing collected packages: six, numpy")
    'installing 2 packages'
    """
    compiled = _NINJA.match(line)
    if compiled:
        return f"compiled {compiled[1]} of {compiled[2]}"
    if line.startswith("Installing collected packages:"):
        return f"installing {line.count(',') + 1} packages"
    return line.strip() if _ACTIVITY.match(line) else None


class ProgressLine:
    """One line that is overwritten on a terminal; elsewhere a new line now and then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = self._printed = time.monotonic()
        self._overwrite = sys.stdout.isatty()

    def show(self, activity: str) -> None:
        """Shows the elapsed time and what is going on."""
        now = time.monotonic()
        if not self._overwrite and now - self._printed < _LINE_EVERY:
            return
        self._printed = now
        text = f"  {self._name} {duration(now - self._start)}  {activity}"
        text = text[: shutil.get_terminal_size().columns - 1]
        if self._overwrite:
            print(f"\r{text}\x1b[K", end="", flush=True)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """Leaves an empty line to write on."""
        if self._overwrite:
            print("\r\x1b[K", end="", flush=True)


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(7.26), duration(431)
    ('7.3 s', '7 min 11 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log that are not empty, each cut to 200 letters."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line[:200] for line in lines if line.strip()][-count:]
