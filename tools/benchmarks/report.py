"""The page of an answer in Chromium: its size, the time until it can be used, and what its controls take."""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as coco_mask

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.masks import record_of
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference import SegmentationResult
from clipvis_core.media import open_frames
from clipvis_core.report import write_report
from clipvis_core.tracking import VideoTracks

#: What is done to each control, as a function body with the number of the repetition `i`.
CONTROLS = {
    "threshold": "slide('threshold', 0.02 + 0.01 * i)",
    "hide_a_track": "document.querySelectorAll('.eye')[i].click()",
    "hide_a_word": "document.querySelectorAll('.word')[i % 5].click()",
    "select": "document.querySelectorAll('#tracks .label')[i].click()",
    "accept": "document.querySelectorAll('.accept')[i].click()",
    "sort": "document.querySelectorAll('thead button')[i % 4].click()",
    "zoom": "document.getElementById(i % 2 ? 'zoom-in' : 'zoom-out').click()",
    "outlines": "document.getElementById('outlines').click()",
}
MEASURE = """
const [action, i, done] = arguments;
const slide = (id, value) => {
  const slider = document.getElementById(id);
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
};
const start = performance.now();
new Function("i", "slide", action)(i, slide);
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""
STEP = """
const [frame, done] = arguments, start = performance.now(), seek = document.getElementById("seek");
new MutationObserver((_, observer) => {
  if (Number(document.documentElement.dataset.frame) !== frame) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
}).observe(document.documentElement, { attributes: true });
seek.value = frame;
seek.dispatchEvent(new Event("input"));
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `tools/benchmark.py report`."""
    parser.add_argument("--tracks", type=int, default=50)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", default="480x854", help="of the frames")
    parser.add_argument("--rounds", type=int, default=15, help="uses of each control; the median and the worst count")


def run(args: argparse.Namespace) -> dict:
    """Measures and returns the figures."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        raise InputError("no browser: install chromium and chromium-driver")
    height, width = map(int, args.size.split("x"))
    answer = made_answer(args.tracks, args.frames, height, width)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    picture = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    picture = np.pad(picture, ((0, height % 8), (0, width % 8), (0, 0)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        frames = (np.roll(picture, 2 * t, axis=1) for t in range(args.frames))
        start = time.perf_counter()
        write_report(answer, open_frames(frames), path, score_thr=0.02, progress=False)
        seconds = time.perf_counter() - start
        masks = sum(len(mask["counts"]) for track in answer.tracks.segmentations for mask in track if mask)
        sizes = {"page_mb": path.stat().st_size / 1e6, "video_mb": video_bytes(path) / 1e6, "masks_mb": masks / 1e6}
        return {"seconds_to_write": seconds, **sizes, **in_browser(path, args.rounds, args.frames)}


def made_answer(num_tracks: int, num_frames: int, height: int, width: int) -> SegmentationResult:
    """Ragged discs that wander."""
    rng = np.random.default_rng(0)
    starts, steps = rng.random((num_tracks, 2)) * (height, width), rng.normal(0, 2, (num_tracks, 2))
    radii = height * rng.uniform(0.06, 0.16, num_tracks)
    noise = rng.random((height // 8 + 1, width // 8 + 1)).repeat(8, axis=0).repeat(8, axis=1)

    def mask(place: int, frame: int) -> dict:
        (y, x), reach = (starts[place] + steps[place] * frame) % (height, width), 1.3 * radii[place]
        part = np.s_[max(int(y - reach), 0) : int(y + reach) + 1, max(int(x - reach), 0) : int(x + reach) + 1]
        canvas = np.zeros((height, width), np.uint8, order="F")
        rows, columns = np.ogrid[part]
        rough = noise[:height, :width][part]
        disc = np.hypot(rows - y, columns - x)[: rough.shape[0], : rough.shape[1]] < radii[place] * (1 + 0.3 * rough)
        canvas[part] = disc
        return record_of(coco_mask.encode(canvas))

    tracks = VideoTracks(
        scores=torch.linspace(0.95, 0.05, num_tracks),
        labels=torch.arange(num_tracks) % 5,
        queries=torch.arange(num_tracks),
        segmentations=[[mask(place, frame) for frame in range(num_frames)] for place in range(num_tracks)],
    )
    words = Vocabulary(tuple((f"word {number}",) for number in range(5)))
    times = [t / 25 for t in range(num_frames)]
    return SegmentationResult("made", height, width, Fraction(25), num_frames, words, tracks, times)


def video_bytes(path: Path) -> int:
    """Size of the video in a page, in base64."""
    text = path.read_text()
    start = text.index('id="media">') + len('id="media">')
    return text.index("</script>", start) - start


def in_browser(path: Path, rounds: int, num_frames: int) -> dict:
    """Seconds until the page can be used, and milliseconds that its controls take until the screen shows it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1920,1080"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        opening = []
        for _ in range(3):
            start = time.perf_counter()
            browser.get(path.as_uri())
            while not browser.execute_script("return 'ready' in document.documentElement.dataset"):
                time.sleep(0.005)
            opening.append(time.perf_counter() - start)
        times = {
            name: [browser.execute_async_script(MEASURE, action, i) for i in range(rounds)]
            for name, action in CONTROLS.items()
        }
        order = np.random.default_rng(0).permutation(num_frames)[:rounds].tolist()
        times["go_to_a_frame"] = [browser.execute_async_script(STEP, frame) for frame in order if frame]
        first = order[0] or 1
        times["step"] = [browser.execute_async_script(STEP, first - 1 + i % 2) for i in range(1, rounds)]
    finally:
        browser.quit()
    median = {name: statistics.median(values) for name, values in times.items()}
    return {
        "seconds_to_first_use": statistics.median(opening),
        "median_ms": median,
        "worst_ms": {name: max(values) for name, values in times.items()},
    }
