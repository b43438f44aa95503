"""Peak memory of a short and of a long video, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
from mmengine.config import Config

from benchmarks.model import ROOT, clocked, forget_peak, peak_rss, set_random_words
from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.media import VideoWriter

CONFIG = ROOT / "configs/quick/clips.py"  # a narrow network, which takes little memory itself
HEIGHT, WIDTH, QUERIES = 64, 96, 100
ALLOWED_SHARE, ALLOWED_BYTES_A_FRAME = 1.05, 20_000


def run(short: int, long: int, num_classes: int) -> dict:
    """MiB at the peak for videos of two lengths, and what the long one may take: 5 % and 20 kB a frame more."""
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
    """A bright square that moves over a changing background."""
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
    config = Config.fromfile(CONFIG)
    config.model.head.query_decoder.num_queries = QUERIES
    config.inference = {"short_side": HEIGHT, "max_long_side": WIDTH}
    inferencer = CLIPVISInferencer(config, vocabulary=["word"], device="cpu")
    set_random_words(inferencer.model, num_classes)
    stream = inferencer.stream(path)
    forget_peak()  # building the model takes more memory than running it
    seconds = defaultdict(float)
    with clocked(seconds, "total"), open("/dev/null", "wb") as nowhere:
        for _ in stream:
            pass
        result = stream.result()
        result.write_json(nowhere)
    return {
        "peak_rss_mib": round(peak_rss() / 2**20, 1),
        "temporary_kib_a_frame": round(stream.temporary_bytes / result.num_frames / 1024, 2),
        "seconds": round(seconds["total"], 1),
    }


if __name__ == "__main__":
    print(json.dumps(segment(sys.argv[1], int(sys.argv[2]))))
