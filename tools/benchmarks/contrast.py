"""What contrast words cost: encoding their list once, leaving out those that were asked for, and each frame."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable

from torch import Tensor, set_num_threads

from benchmarks.model import ROOT, Seconds, add_model_arguments, clocked, settings_of, size, smooth_noise
from clipvis_core import Vocabulary
from clipvis_core.inference import build_model
from clipvis_core.models import Arithmetic, CLIPVISVideo
from clipvis_core.text import TextClassifier
from clipvis_core.text.contrast import AUTO, read_contrast
from clipvis_core.tracking import MaskSizes

ASKED = Vocabulary.from_categories(["dog", "person", "car"])
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--checkpoint ""` stands for random weights, for configs without shipped ones."""
    add_model_arguments(parser, "configs/photo_mini/photo_mini_video.py", repeats=5)
    parser.set_defaults(checkpoint=str(ROOT / "weights/photo_mini.safetensors"), threads=1)
    parser.add_argument("--frames", type=int, default=10, help="length of the clip")
    parser.add_argument("--size", type=size, default=(256, 448), metavar="HxW", help="network input, and masks")
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS), help="cpu: processor time of this process")


def run(args: argparse.Namespace) -> dict:
    """Seconds of the list and of a new question, least milliseconds a frame of all rounds."""
    set_num_threads(args.threads)
    args.checkpoint = args.checkpoint or None
    model = build_model(args.config, args.checkpoint, args.device)
    Arithmetic().prepare(model)
    model.text_classifier = TextClassifier(model.backbone, cache_dir=False)
    contrast = read_contrast(AUTO)
    clock, once = CLOCKS[args.clock], defaultdict(float)
    with clocked(once, "encode_list", clock=clock):
        model.text_classifier.embed(contrast)
    ask(model, contrast)  # reads the table of nouns
    with clocked(once, "ask_other_words", clock=clock):
        ask(model, contrast)
    frames = smooth_noise(args.frames, args.size)
    choices = {"without": None, "with": contrast}
    rounds: dict[str, list[float]] = {name: [] for name in choices}
    for _ in range(args.repeats + 1):  # the first warms up
        for name, words in choices.items():
            ask(model, words)
            rounds[name].append(1000 * segment(model, frames, args, clock) / args.frames)
    least = {name: round(min(values[1:]), 2) for name, values in rounds.items()}
    return {
        "contrast_words": len(contrast.synonyms),
        "seconds": {name: round(value, 4) for name, value in once.items()},
        "milliseconds_a_frame": {**least, "difference": round(least["with"] - least["without"], 2)},
        "settings": settings_of(args, "frames", "size", "clock"),
    }


def ask(model: CLIPVISVideo, contrast: Vocabulary | None) -> None:
    """Sets the words anew, as a person does who asks for others."""
    model.set_vocabulary(ASKED, contrast)
    model.vocabulary_embedding()


def segment(model: CLIPVISVideo, frames: Tensor, args: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Seconds of one pass over the clip, the tracks of all its frames included."""
    seconds: Seconds = defaultdict(float)
    with clocked(seconds, "clip", args.device, clock):
        tracker = model.tracker(MaskSizes(model.padded_size(args.size), args.size, args.size))
        windows = (model.prepare(window.to(args.device)) for window in frames.split(model.window))
        for _ in model.track(windows, tracker):
            pass
        tracker.finish()
    return seconds["clip"]
