"""Batches by each engine: equal bytes, random kills, a video that brings its process down.

python tests/scale/runner.py --seed 1 --clips 200 --kills 20
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from clips import make_clips
from engines import ENGINES, ROOT, Batch

#: Ends a process that opens a video called poison, as the system does with one that takes all memory; another one runs
#: out of memory by itself. Python imports a module of this name when it starts.
POISON = """
import os, signal
import av
_open = av.open
def open(file, *args, **options):
    name = os.path.basename(str(getattr(file, "name", file)))
    if name.startswith("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("memory"):
        raise MemoryError
    return _open(file, *args, **options)
av.open = open
"""


def answers(out: Path) -> dict[str, bytes]:
    """All that is in the folders of the videos."""
    files = (path for path in out.rglob("*") if path.is_file() and path.parent != out)
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def done(out: Path) -> set[str]:
    """Names of the videos that are done."""
    return {path.parent.name for path in out.glob("*/done.json")}


def check_equal(out: Path, reference: dict[str, bytes], what: str) -> None:
    """Raises AssertionError unless the folders hold the reference's bytes and nothing else."""
    found = answers(out)
    assert found.keys() == reference.keys(), f"{what}: other files: {sorted(found.keys() ^ reference.keys())[:5]}"
    wrong = [name for name, content in reference.items() if found[name] != content]
    assert not wrong, f"{what}: other bytes: {wrong[:5]}"
    left = [path.name for path in out.iterdir() if path.name.startswith(".")]
    assert not left, f"{what}: left behind: {left}"


def check_kills(engine: str, inputs: Path, out: Path, reference: dict[str, bytes], kills: int, seed: int) -> str:
    """Kills an engine's processes at random times, starts it again, and lets it end; returns a line about it."""
    rng, log, targets, before = random.Random(f"{engine} {seed}"), out.with_suffix(".log"), [], set()
    most = max(1, len(list(inputs.iterdir())) // (2 * kills))
    batch = Batch.start(engine, inputs, out, log)
    for _ in range(kills):
        if rng.random() < 0.2:  # while it starts
            time.sleep(rng.uniform(0, 5))
        else:
            wait_for(batch, out, len(before) + rng.randint(1, most))
            time.sleep(rng.uniform(0, 1))
        targets.append(batch.kill_something(rng))
        assert done(out) >= before, f"{engine}: lost {sorted(before - done(out))[:5]}"
        before = done(out)
        if targets[-1] != "worker":
            batch.end()
            batch = Batch.start(engine, inputs, out, log)
    codes = batch.wait()
    assert not any(codes), f"{engine}: exit codes {codes}, see {log}"
    check_equal(out, reference, f"{engine} after kills")
    return f"{kills} kills ({targets.count('worker')} of workers): {len(before)} videos done by the last, equal bytes"


def wait_for(batch: Batch, out: Path, count: int) -> None:
    """Until so many videos are done, or the batch has ended."""
    end = time.monotonic() + 300
    while len(done(out)) < count and batch.is_running() and time.monotonic() < end:
        time.sleep(0.02)


def check_poison(engine: str, inputs: Path, folder: Path) -> str:
    """A video that brings its process down and one that takes too much memory have failed; the others are done."""
    clips = sorted(inputs.iterdir())[:4]
    mixed, out = folder / "mixed", folder / f"poison-{engine}"
    if not mixed.exists():
        mixed.mkdir()
        for name, clip in zip(("a", "poison", "b", "memory"), clips, strict=True):
            (mixed / f"{name}.mp4").write_bytes(clip.read_bytes())
        (folder / "site").mkdir()
        (folder / "site/sitecustomize.py").write_text(POISON)
    paths = [str(folder / "site"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    try:
        codes = Batch.start(engine, mixed, out, out.with_suffix(".log")).wait()
    finally:
        os.environ["PYTHONPATH"] = paths[1]
    assert codes == [3], f"{engine} with poison: exit codes {codes}"
    with (out / "failures.csv").open(newline="") as file:
        failed = {Path(row["input"]).stem: row["message"] for row in csv.DictReader(file)}
    assert failed.keys() == {"poison", "memory"}, f"{engine} with poison: {failed}"
    assert done(out) == {"a", "b"}
    return f"poison: {failed['poison']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    args = parser.parse_args()
    if "ray" in args.engines and importlib.util.find_spec("ray") is None:
        print('ray: not installed (pip install "clipvis-core[ray]"): left out', flush=True)
        args.engines.remove("ray")
    folder = Path(tempfile.mkdtemp(prefix="clipvis-scale-"))
    try:
        check(args, folder)
    except AssertionError as fault:
        print(f"{fault}\nall files are in {folder}", flush=True)
        return 1
    shutil.rmtree(folder)
    print(json.dumps({"seed": args.seed, "clips": args.clips, "kills": args.kills, "engines": args.engines}))
    return 0


def check(args: argparse.Namespace, folder: Path) -> None:
    """Runs each engine to its end, then with kills, then with a video that brings processes down."""
    inputs = folder / "in"
    make_clips(ROOT / "assets/demo.mp4", inputs, args.clips)
    reference: dict[str, bytes] = {}
    for engine in ["plain", *(engine for engine in args.engines if engine != "plain")]:
        start, out = time.monotonic(), folder / engine
        codes = Batch.start(engine, inputs, out, out.with_suffix(".log")).wait()
        assert not any(codes), f"{engine}: exit codes {codes}: {out.with_suffix('.log').read_text()[-2000:]}"
        reference = reference or answers(out)
        check_equal(out, reference, engine)
        seconds = time.monotonic() - start
        print(f"{engine}: {len(done(out))} videos, {len(reference)} files, equal bytes, {seconds:.0f} s", flush=True)
    for engine in args.engines if args.kills else ():
        start, out = time.monotonic(), folder / f"kills-{engine}"
        line = check_kills(engine, inputs, out, reference, args.kills, args.seed)
        print(f"{engine}: {line}, {time.monotonic() - start:.0f} s", flush=True)
        if engine in ("workers", "ray"):
            print(f"{engine}: {check_poison(engine, inputs, folder)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
