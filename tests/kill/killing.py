"""Kills runs of tools/ at random moments and lets them go on: `killing.py --seed 1 --kills 100`."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from killed_programs import ROOT, Infer, Test, Train

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
PATIENCE = 60.0  # seconds in which a signal ends a run
ORPHANS = 6.0  # seconds in which the workers of a dead run end
MOST_IN_A_ROW = 4  # kills of one run before it may end
_TOO_LATE = object()


class Zygote:
    """See `zygote.py`."""

    def __init__(self) -> None:
        paths = [str(ROOT / "tests" / "eval"), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "DUMMY_SECONDS": "0.1",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True,
        )  # fmt: skip
        self._answer()

    def start(self, command: list[str], log: Path) -> int:
        """Starts a program of tools/; its process id."""
        return self._ask({"start": [str(ROOT / "tools" / command[0]), *command[1:]], "log": str(log)})["pid"]

    def wait(self, pid: int, seconds: float) -> int | None:
        """Exit code; None if the process still runs after so long."""
        return self._ask({"wait": pid, "seconds": seconds})["code"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def _ask(self, request: dict) -> dict:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        return json.loads(self._process.stdout.readline())


class Chain:
    """One run that is killed, started again, killed again, and at last left to end.

    Args:
        zygote: Starts the processes.
        program: One of `killed_programs`.
        folder: For all its files.
        seed: Decides moments and signals, up to what the machine does.
    """

    def __init__(self, zygote: Zygote, program: Infer | Test | Train, folder: Path, seed: str) -> None:
        self.zygote, self.program, self.folder = zygote, program, folder
        self.generator = random.Random(seed)
        self.log = folder / "log.txt"
        self.whole = folder / "whole"
        self.seconds = self._undisturbed()

    def run(self, kills: int, tag: str) -> tuple[Counter, list[str]]:
        """Kills `kills` times or a few less: counts of exit codes, and a line for each fault."""
        counts, faults = Counter(), []
        out, killed = self.folder / tag, False
        for _ in range(kills):
            number = self.generator.choice(SIGNALS)
            to_group = number != signal.SIGKILL and self.generator.random() < 0.5  # as a terminal does
            moment = self.generator.uniform(0, self.seconds)
            while (code := self._kill_one(out, number, moment, to_group, killed)) is _TOO_LATE:
                shutil.rmtree(out)
                moment, killed = moment * 0.8, False
            counts[f"{number.name} {code}"] += 1
            faults += self._faults(out, f"{number.name} after {moment:.2f} s, exit code {code}", code)
            killed = True
        code = self._finish(out, killed)
        if code != 0:
            faults.append(f"{self.program.name} {tag}: the last run ended with {code}: {self._last_line()}")
        else:
            faults += self._told(lambda: self.program.check_finished(out, self.whole), f"{tag}: at the end")
        shutil.rmtree(out, ignore_errors=True)
        return counts, faults

    def _undisturbed(self) -> float:
        start = time.monotonic()
        pid = self.zygote.start(self.program.command(self.whole, again=False), self.log)
        code = self.zygote.wait(pid, 10 * PATIENCE)
        assert code == 0, self.log.read_text()[-2000:]
        return time.monotonic() - start

    def _kill_one(self, out: Path, number: signal.Signals, moment: float, to_group: bool, again: bool) -> object:
        """Exit code of a run that got a signal; None if it went on, `_TOO_LATE` if it had ended before."""
        pid = self.zygote.start(self.program.command(out, again=again), self.log)
        if self.zygote.wait(pid, moment) is not None:
            return _TOO_LATE
        (os.killpg if to_group else os.kill)(pid, number)
        code = self.zygote.wait(pid, PATIENCE)
        if code is None:
            os.killpg(pid, signal.SIGKILL)
            self.zygote.wait(pid, PATIENCE)
        self.session = pid
        return code

    def _finish(self, out: Path, again: bool) -> int | None:
        pid = self.zygote.start(self.program.command(out, again=again), self.log)
        return self.zygote.wait(pid, 10 * PATIENCE)

    def _faults(self, out: Path, what: str, code: int | None) -> list[str]:
        faults = []
        if code is None:
            faults.append(f"{self.program.name}: {what}: it goes on after {PATIENCE:g} s")
        elif code not in (0, 130, 143, *(-number for number in SIGNALS)):
            faults.append(f"{self.program.name}: {what}: {self._last_line()}")
        end = time.monotonic() + ORPHANS
        while (left := processes_of(self.session)) and time.monotonic() < end:
            time.sleep(0.05)
        if left:
            faults.append(f"{self.program.name}: {what}: processes {left} are left")
        if out.is_dir():
            faults += self._told(lambda: self.program.check_killed(out, self.whole), what)
        return faults

    def _told(self, check: object, what: str) -> list[str]:
        try:
            check()
        except Exception as error:  # whatever is wrong with a file
            return [f"{self.program.name}: {what}: {type(error).__name__}: {error}"]
        return []

    def _last_line(self) -> str:
        return (self.log.read_text().strip().splitlines() or [""])[-1]


def processes_of(session: int) -> list[int]:
    """Ids of the processes of a session, those that only wait to be buried aside."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(entry.name))
    return found


def kill_runs(seed: int, kills: int, folder: Path) -> tuple[dict[str, Counter], list[str]]:
    """Kills of each program, `kills` in all: counts of signals and exit codes by program, and the faults."""
    zygote = Zygote()
    counts: dict[str, Counter] = {}
    faults: list[str] = []
    makers = (Infer, Test, Train, lambda place: Infer(place, stream=True))
    generator = random.Random(seed)
    for index, maker in enumerate(makers):
        left = kills // len(makers) + (index < kills % len(makers))
        if not left:
            continue
        place = folder / str(index)
        place.mkdir()
        program = maker(place)
        chain = Chain(zygote, program, place, f"{seed} {program.name}")
        counts[program.name] = Counter()
        for number in range(left):
            length = min(left, generator.randint(1, MOST_IN_A_ROW))
            if length <= 0:
                break
            found, wrong = chain.run(length, f"chain{number}")
            counts[program.name] += found
            faults += wrong
            left -= length
    zygote.close()
    return counts, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, faults = kill_runs(args.seed, args.kills, Path(folder))
    for name, found in counts.items():
        print(f"{name:14} {found.total():4} kills: {', '.join(f'{what}: {n}' for what, n in sorted(found.items()))}")
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"seed {args.seed}: {sum(found.total() for found in counts.values())} kills, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
