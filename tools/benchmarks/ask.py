"""Features: bytes and milliseconds a frame to keep them, seconds to ask a video of them for many words.

Nothing here depends on what a network sees, so that its outputs are made up: smooth masks, random vectors and words.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from fractions import Fraction
from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.model import rounded, size
from clipvis_core import Vocabulary
from clipvis_core.foundation.calibration import Calibration
from clipvis_core.inference.judging import Words, judge_best
from clipvis_core.inference.replay import replay
from clipvis_core.text import VocabularyEmbedding
from clipvis_core.tracking import FrameOutputs, MaskSizes, Tracker
from clipvis_core.tracking.feature_facts import FeatureFacts
from clipvis_core.tracking.feature_file import FeatureFile, FeatureWriter

CLASSES = 40  # of the run that keeps features
FRAMES_MADE = 8  # different ones; a longer video repeats them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=int, default=1000, help="of the video that is asked")
    parser.add_argument("--words", type=int, default=1000, help="categories that are asked for")
    parser.add_argument("--contrast", type=int, default=385, help="contrast words; 0 for none")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--dim", type=int, default=1024, help="length of the regions' vectors")
    parser.add_argument("--size", type=size, default=(480, 864), metavar="HxW", help="network input")
    parser.add_argument("--output-size", type=size, default=(720, 1280), metavar="HxW")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)


def run(args: argparse.Namespace) -> dict:
    """What keeping costs a frame, and what asking takes."""
    torch.set_num_threads(args.threads)
    outputs = made_up(args)
    plain = min(tracked(args, outputs, None)[0] for _ in range(args.repeats))
    with tempfile.TemporaryFile() as file:
        seconds, writer = min((tracked(args, outputs, emptied(file)) for _ in range(args.repeats)), key=lambda r: r[0])
        keeping = {
            "bytes_a_frame": round(writer.nbytes / FRAMES_MADE),
            "processor_ms_a_frame": 1000 * (seconds - plain) / FRAMES_MADE,
            "tracking_without_ms_a_frame": 1000 * plain / FRAMES_MADE,
        }
        repeat_frames(file, args)
        asking = asked(args, FeatureFile(file))
    names = ("frames", "words", "contrast", "queries", "dim", "size", "output_size", "threads", "repeats")
    settings = {name: getattr(args, name) for name in names}
    return {"keeping": rounded(keeping), "asking": rounded(asking), "settings": settings}


def made_up(args: argparse.Namespace) -> FrameOutputs:
    """A clip of queries that stay what they are, with smooth masks that cover some per cent of the picture."""
    generator = torch.Generator().manual_seed(0)

    def randn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    height, width = MaskSizes(args.size, args.size, args.output_size).cells
    coarse = randn(FRAMES_MADE, args.queries, -(-height // 16), -(-width // 16)) * 4 - 5
    masks = F.interpolate(coarse, (height, width), mode="bilinear")
    tracks = randn(args.queries, 256)
    return FrameOutputs(
        class_probs=randn(FRAMES_MADE, args.queries, CLASSES).softmax(dim=-1),
        ious=torch.rand((FRAMES_MADE, args.queries), generator=generator),
        object_logits=2 * randn(args.queries, 2) + randn(FRAMES_MADE, args.queries, 2),
        mask_logits=masks,
        embeddings=tracks + 0.1 * randn(FRAMES_MADE, args.queries, 256),
        regions=randn(args.queries, args.dim) + 0.3 * randn(FRAMES_MADE, args.queries, args.dim),
    )


def emptied(file: BinaryIO) -> BinaryIO:
    """The file without content."""
    file.seek(0)
    file.truncate()
    return file


def tracked(args: argparse.Namespace, outputs: FrameOutputs, file: BinaryIO | None) -> tuple[float, FeatureWriter]:
    """Processor seconds, of all threads, of what comes after the network; and the features, if a file is given.

    All masks are encoded in both cases, as in a video that is longer than masks wait for its end.
    """
    facts = FeatureFacts(
        name="video",
        height=args.output_size[0],
        width=args.output_size[1],
        frame_rate=Fraction(25),
        topk=50,
        weighted=True,
        logit_scale=100.0,
        encoder="none",
        calibration=Calibration(0.4, 0.15, 0.6, 0.85, -4.0, lead=2.0),
    )
    writer = None if file is None else FeatureWriter(file, facts)
    tracker = Tracker(MaskSizes(args.size, args.size, args.output_size), features=writer)
    start = time.process_time()
    for _ in tracker.add(outputs):
        pass
    tracker._recorder.finish(range(args.queries))
    if writer is not None:
        writer.finish([t / 25 for t in range(FRAMES_MADE)])
    return time.process_time() - start, writer


def repeat_frames(file: BinaryIO, args: argparse.Namespace) -> None:
    """Makes the file that of a video of `--frames` frames."""
    short = FeatureFile(file)
    frames = [(short.frame(t), short.codes(t)) for t in range(len(short))]
    writer = FeatureWriter(emptied(file), short.facts)
    for t in range(args.frames):
        writer.append(*frames[t % len(frames)])
    writer.finish([t / 25 for t in range(args.frames)])


def asked(args: argparse.Namespace, features: FeatureFile) -> dict[str, float]:
    """The best of `--repeats` askings, with and without contrast words; the words are encoded already."""
    asked_for, contrast = (random_words(number, args.dim) for number in (args.words, args.contrast))
    found: dict[str, float] = {}
    for _ in range(args.repeats):
        for name, others in (("with_contrast", contrast), ("without", None)):
            if name == "without" or others is not None:
                words = Words(features.facts.logit_scale, asked_for, others)
                for kind, seconds in timed_replay(features, words).items():
                    key = f"{name}_{kind}"
                    found[key] = min(seconds, found.get(key, seconds))
    words = Words(features.facts.logit_scale, asked_for, None)
    return found | {"tracks_in_question": len(judge_best(features, words, features.facts.topk).tracks)}


def timed_replay(features: FeatureFile, words: Words) -> dict[str, float]:
    """Seconds of one asking, and processor seconds of all threads, which other work disturbs less."""
    clocks = {"seconds": time.perf_counter, "processor_seconds": time.process_time}
    starts = {name: clock() for name, clock in clocks.items()}
    replay(features, words, features.facts.topk)
    return {name: clock() - starts[name] for name, clock in clocks.items()}


def random_words(number: int, dim: int) -> VocabularyEmbedding | None:
    """Unit rows that stand for words."""
    if not number:
        return None
    rows = np.random.default_rng(number).standard_normal((number, dim)).astype(np.float32)
    vocabulary = Vocabulary.from_categories(f"word {index}" for index in range(number))
    return VocabularyEmbedding(vocabulary, F.normalize(torch.from_numpy(rows), dim=-1), torch.arange(number))
