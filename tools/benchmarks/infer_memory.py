"""Peak memory of a short and of a long video, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs/quick/clips.py"  # a narrow network: the memory looked for is not its own
HEIGHT, WIDTH, QUERIES = 64, 96, 100
ALLOWED_SHARE, ALLOWED_BYTES_A_FRAME = 1.05, 20_000


def run(short: int, long: int, num_classes: int) -> dict:
    """Segments two generated videos and compares.

    Args:
        short: Frames of the one.
        long: Frames of the other.
        num_classes: K.

    Returns:
        MiB of each process at its peak, and what the long one may take: 5 % and 20 kB a frame more than the short.
    """
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for frames in (short, long):
            path = Path(folder) / f"{frames}.mp4"
            write_video(path, frames)
            command = [sys.executable, "-m", "benchmarks.infer_memory", str(path), str(num_classes)]
            done = subprocess.run(command, cwd=ROOT / "tools", stdout=subprocess.PIPE, text=True, check=True)
            figures[str(frames)] = json.loads(done.stdout.splitlines()[-1])  # mmengine logs on stdout, too
    peaks = [figures[str(frames)]["peak_rss_mib"] for frames in (short, long)]
    allowed = ALLOWED_SHARE * peaks[0] + ALLOWED_BYTES_A_FRAME * (long - short) / 2**20
    return {
        "frames": figures,
        "growth": round(peaks[1] / peaks[0], 4),
        "allowed_mib": round(allowed, 1),
        "within": peaks[1] <= allowed,
        "settings": {"classes": num_classes, "queries": QUERIES, "size": [HEIGHT, WIDTH]},
    }


def write_video(path: Path, num_frames: int) -> None:
    """A bright square that wanders over a changing background."""
    import numpy as np

    from clipvis_core.media import VideoWriter

    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (8, HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    backgrounds = tiles.repeat(16, axis=1).repeat(16, axis=2)
    with VideoWriter(path, Fraction(25), HEIGHT, WIDTH) as writer:
        for t in range(num_frames):
            frame = np.roll(backgrounds[t // 40 % 8], t, axis=1)
            y, x = t % (HEIGHT - 20), 3 * t % (WIDTH - 20)
            frame[y : y + 20, x : x + 20] = 255
            writer.write(frame)


def segment(path: str, num_classes: int) -> dict:
    """Segments one video, with all its results, and tells this process's memory."""
    import time

    from mmengine.config import Config

    from benchmarks.infer import set_random_words
    from clipvis_core.inference import CLIPVISInferencer

    config = Config.fromfile(CONFIG)
    config.model.head.query_decoder.num_queries = QUERIES
    config.inference = {"short_side": HEIGHT, "max_long_side": WIDTH}
    inferencer = CLIPVISInferencer(config, vocabulary=["word"], device="cpu")
    set_random_words(inferencer.model, num_classes)
    stream = inferencer.stream(path)
    forget_peak()
    start = time.perf_counter()
    for _ in stream:
        pass
    result = stream.result()
    with open("/dev/null", "wb") as nowhere:
        result.write_json(nowhere)
    seconds = time.perf_counter() - start
    return {
        "peak_rss_mib": round(peak_rss() / 2**20, 1),
        "temporary_kib_a_frame": round(stream.temporary_bytes / result.num_frames / 1024, 2),
        "seconds": round(seconds, 1),
    }


def forget_peak() -> None:
    """Makes `peak_rss` count from here, where the system can (Linux): building the model takes more than running it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_rss() -> int:
    """Most memory this process had resident, in bytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(segment(sys.argv[1], int(sys.argv[2]))))
