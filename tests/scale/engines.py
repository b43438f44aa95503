"""The same batch by each engine, as processes that can be killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASKED = ["--classes", "dog; grass", "--short-side", "64", "--topk", "5"]

#: Options of each engine: of one process, or of several at once.
ENGINES = {
    "plain": [[]],
    "workers": [["--workers", "2"]],
    "shard": [["--shard", "1/2"], ["--shard", "2/2"]],
    "ray": [["--ray", "local", "--workers", "2"]],
}
#: What the command lines of an engine's further processes contain.
HELPERS = {"workers": "spawn_main", "ray": "ray::MapWorker"}
LIMIT = 1800  # seconds for a batch


@dataclass
class Batch:
    """A batch that is running.

    Attributes:
        engine: Its name.
        processes: What was started.
    """

    engine: str
    processes: list[subprocess.Popen]

    @classmethod
    def start(cls, engine: str, inputs: Path, out: Path, log: Path) -> Batch:
        """Starts an engine; what it prints is appended to a log."""
        # The same number of threads for all: the last bits of scores may depend on it.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "CLIPVIS_CACHE": str(out.parent / "cache")}
        processes = []
        for options in ENGINES[engine]:
            command = [sys.executable, ROOT / "tools/infer.py", inputs, "--out-dir", out, *ASKED, *options]
            with log.open("ab") as file:
                processes.append(subprocess.Popen(list(map(str, command)), stdout=file, stderr=file, env=environment))
        return cls(engine, processes)

    def wait(self) -> list[int]:
        """Exit codes."""
        return [process.wait(LIMIT) for process in self.processes]

    def is_running(self) -> bool:
        """Whether one of its processes is left."""
        return any(process.poll() is None for process in self.processes)

    def kill_something(self, rng: random.Random) -> str:
        """Kills one of its processes, or one of those that work for it; returns which, or "" if none is left."""
        left = [process.pid for process in self.processes if process.poll() is None]
        if not left:
            return ""
        helper = HELPERS.get(self.engine)
        helpers = [pid for pid in descendants(left[0]) if helper and helper in command_line(pid)]
        if helpers and rng.random() < 0.5:
            os.kill(rng.choice(helpers), signal.SIGKILL)
            return "worker"
        os.kill(rng.choice(left), signal.SIGKILL)
        return "driver"

    def end(self) -> None:
        """Kills what is left of it, and waits until its helpers are gone."""
        helpers = [pid for process in self.processes for pid in descendants(process.pid)]
        for process in self.processes:
            process.kill()
            process.wait()
        end = time.monotonic() + 60
        while any(Path(f"/proc/{pid}").exists() for pid in helpers) and time.monotonic() < end:
            time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they did."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: Sequence[int] = [pid]
    everything = []
    while found:
        found = [child for parent in found for child in children.get(parent, [])]
        everything += found
    return everything


def command_line(pid: int) -> str:
    """A process's command line, or nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
