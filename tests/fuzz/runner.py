"""Runs readers on damaged inputs in child processes with limits: `runner.py --seed 1 --cases 1000`."""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import random
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from config_reader import config
from file_readers import FILE_READERS
from readers import JSON_READERS

from clipvis_core.foundation.errors import MAX_LETTERS, InputError

MAX_SECONDS = 30
MAX_BYTES = 3 * 2**30  # beyond what the process has when it starts

READERS = JSON_READERS | FILE_READERS | {"config": config}


def run(name: str, seed: int, cases: int) -> tuple[Counter, list[str]]:
    """Feeds a reader; an input is decided by (reader, seed, number).

    Returns:
        How many were "read", "refused" in one line, and a "fault" (a traceback, several lines, another result than an
        independent reader's, a crash, or over `MAX_SECONDS`); a line for each fault, printed when it is found.
    """
    counts, faults = Counter(), []
    number = 0
    while number < cases:
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=_work, args=(theirs, name, seed, number, cases))
        child.start()
        theirs.close()
        try:
            while number < cases:
                if not ours.poll(MAX_SECONDS):
                    raise EOFError(f"no answer in {MAX_SECONDS} s")
                verdict, reason = ours.recv()
                counts[verdict] += 1
                if verdict == "fault":
                    faults.append(f"{name} {seed} {number}: {reason}")
                    print(faults[-1], flush=True)
                number += 1
        except EOFError as error:  # this input ended the process
            counts["fault"] += 1
            faults.append(f"{name} {seed} {number}: {error or 'the process died'}")
            print(faults[-1], flush=True)
            number += 1
        child.kill()
        child.join()
    return counts, faults


def _work(pipe: Connection, name: str, seed: int, first: int, cases: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MAX_BYTES, used + MAX_BYTES))
    warnings.simplefilter("ignore")
    logging.disable()
    for number in range(first, cases):
        if number % 16 == 0:
            gc.collect()  # decoders that nobody needs any more keep their threads until then
            gc.freeze()  # what is left is not garbage: libraries, and what they keep; mmengine collects in each dataset
        with tempfile.TemporaryDirectory() as folder:
            pipe.send(_verdict(name, f"{name} {seed} {number}", Path(folder)))


def _verdict(name: str, key: str, folder: Path) -> tuple[str, str]:
    try:
        READERS[name](random.Random(key), folder)
    except InputError as error:
        line = str(error).replace(str(folder), "")
        sound = "\n" not in line and 0 < len(line) <= MAX_LETTERS
        return ("refused", "") if sound else ("fault", f"the message is {line[:200]!r}")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return "fault", f"{type(error).__name__}: {str(error)[:200]} ({Path(place.filename).name}:{place.lineno})"
    return "read", ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=1000, help="inputs of each reader")
    parser.add_argument("--readers", nargs="+", choices=list(READERS), default=list(READERS))
    args = parser.parse_args()
    failed = 0
    for name in args.readers:
        counts, faults = run(name, args.seed, args.cases)
        print(f"{name:14} {counts['read']:6} read {counts['refused']:6} refused {counts['fault']:4} faults", flush=True)
        failed += len(faults)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
