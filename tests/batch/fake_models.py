"""A model that finds the brightness of frames: as quick as reading them, and known beforehand."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from types import SimpleNamespace

import torch

from clipvis_core import Vocabulary
from clipvis_core.inference import SegmentationResult
from clipvis_core.inference.output_folder import WORDS
from clipvis_core.tracking import VideoTracks

VOCABULARY = Vocabulary((("dog",), ("frisbee",)))


@dataclass(frozen=True)
class FakeSpec:
    """In the place of a `ModelSpec`; the model is slow with videos called `slow`, fails with a `fault`, and ends the
    process with a `poison`."""

    error: Exception | None = None

    def build(self, *, is_image: bool, quiet: bool) -> FakeModel:
        if self.error is not None:
            raise self.error
        return FakeModel()


class FakeModel:
    """In the place of a `CLIPVISInferencer`."""

    takes_videos = False
    score_thr = 0.3
    model = SimpleNamespace(vocabulary=VOCABULARY)

    def __call__(self, source, *, keep_features: bool = False) -> SegmentationResult:
        if source.name.startswith("poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        if source.name.startswith("fault"):
            raise RuntimeError("a fault\nin two lines")
        if source.name.startswith("slow"):
            time.sleep(0.3)
        frames = [int(frame[0, 0, 0]) for frame in source]
        whole = {"size": [source.height, source.width], "counts": _full(source.height, source.width)}
        tracks = VideoTracks(
            scores=torch.tensor([0.9, frames[0] / 1000]),
            labels=torch.tensor([0, 1]),
            queries=torch.tensor([0, 1]),
            segmentations=[[whole] * len(frames), [None] * len(frames)],
            calibrated=None,
        )
        return SegmentationResult.of(source, VOCABULARY, tracks, len(frames), [t / 10 for t in range(len(frames))])


def _full(height: int, width: int) -> str:
    import numpy as np
    from pycocotools import mask as coco_mask

    return coco_mask.encode(np.ones((height, width), np.uint8, order="F"))["counts"].decode()


FILES = {WORDS, "results.json", "video.json", "done.json"}
