"""The Python API: a video, a folder of frames, an image or arrays in, named tracks out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config

from clipvis_core.foundation.calibration import shown_from
from clipvis_core.foundation.errors import InputError, first_line
from clipvis_core.foundation.images import resized_size
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.inference.asking import MOST_FEATURE_BYTES
from clipvis_core.inference.building import build_model, read_config
from clipvis_core.inference.frame_stream import FrameStream
from clipvis_core.inference.keeping import Keeping
from clipvis_core.inference.model_choice import resolve_model
from clipvis_core.inference.preprocessing import to_input
from clipvis_core.inference.result import SegmentationResult, tracks_of_image
from clipvis_core.media import FrameSource, open_frames
from clipvis_core.models import Arithmetic, CLIPVISVideo
from clipvis_core.text.contrast import AUTO, contrast_words
from clipvis_core.tracking import MaskSizes

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class CLIPVISInferencer:
    """A CLIP-VIS model that finds, masks, tracks and names objects.

    Args:
        model: Name of a model (`photo-mini`, `hf://owner/name`; see `clipvis_core.model_zoo`), or a config: a file, a
            name such as `video/clipvis_r50_lvis`, or a loaded one. `None` takes the config that fits the checkpoint.
        checkpoint: Released `.pth` or one of ours; with a config, `None` gives random weights, whose results mean
            nothing.
        vocabulary: Categories to name: a `Vocabulary`, or a list of names (or of synonym lists).
        contrast: Words nobody asked for, with which tracks are compared: `auto` (the shipped list; none with random
            weights), `none`, a file, or a `Vocabulary`. Published scores do not depend on it.
        device: `cpu`, `cuda`, ...; the default is a GPU if there is one.
        dtype: `float32` (exact), or `bfloat16` or `float16` for the heavy parts; see `Arithmetic`.
        compile: Have `torch.compile` fuse the heavy parts; the first frame of each size waits for the compiler.
        cuda_graphs: On a GPU, start the network of a window at once instead of kernel by kernel; see `CudaGraphs`.
        short_side: Frames are resized so that their shorter side is this; the default is the config's.
        topk: Most (track, category) pairs; the default is the config's.
        num_memory: Frames the matching remembers, 0 for no matching; the default is the config's.
        num_match: Memories the matching combines; the default is the config's.
        window: Frames of a video that the network sees at once; see `CLIPVISVideo`.
        reuse_within: On a CPU, grey levels up to which a frame of a video gets the outputs of the last one that went
            through the network, see `FrameReuse`; the default is none, where each frame goes through it.

    Raises:
        InputError: Something the caller gave cannot be used; one line says what and how to fix it.

    Example:
        inferencer = CLIPVISInferencer("photo-mini", vocabulary=["dog, puppy", "frisbee"])
        result = inferencer("park.mp4")
        for line in result.drawn(inferencer.score_thr).summary():
            print(line.label, line.score)
    """

    def __init__(
        self,
        model: str | Path | Config | None = None,
        checkpoint: str | Path | None = None,
        *,
        vocabulary: Vocabulary | Sequence[str | Sequence[str]],
        contrast: Vocabulary | str | Path | None = AUTO,
        device: str | None = None,
        dtype: str = "float32",
        compile: bool = False,
        cuda_graphs: bool = False,
        short_side: int | None = None,
        topk: int | None = None,
        num_memory: int | None = None,
        num_match: int | None = None,
        window: int | None = None,
        reuse_within: float | None = None,
    ) -> None:
        config, checkpoint = resolve_model(model, checkpoint)
        config = read_config(config)
        self._origin = config.filename, checkpoint
        self.device = _usable_device(device)
        if dtype not in DTYPES:
            raise InputError(f"dtype '{dtype}' is unknown: use one of {', '.join(DTYPES)}")
        usual, self.max_long_side = _sizes_of(config)
        self.short_side = _at_least("short_side", 1, short_side, usual)
        vocabulary = Vocabulary.from_categories(vocabulary)
        self.model = build_model(config, checkpoint, self.device)
        Arithmetic(DTYPES[dtype], compile, cuda_graphs).prepare(self.model)
        self.model.topk = _at_least("topk", 1, topk, self.model.topk)
        if isinstance(self.model, CLIPVISVideo):
            self.model.num_memory = _at_least("num_memory", 0, num_memory, self.model.num_memory)
            self.model.num_match = _at_least("num_match", 1, num_match, self.model.num_match)
            self.model.window = _at_least("window", 1, window, self.model.window)
            self._reuse_frames(reuse_within, window)
        elif not num_memory is num_match is window is reuse_within is None:
            raise InputError(
                "num_memory, num_match, window and reuse_within belong to video models: use a config of configs/video"
            )
        self.contrast = contrast_words(contrast, self.model.text_classifier, is_random=checkpoint is None)
        self.set_vocabulary(vocabulary)

    def _reuse_frames(self, within: float | None, window: int | None) -> None:
        if within is None:
            return
        if not 0 <= within <= 255:
            raise InputError(f"reuse_within {within:g}: grey levels go from 0 to 255, so give a number in between")
        if self.device.type != "cpu":
            raise InputError(f"reuse_within is for the CPU, not for {self.device}: leave it out")
        if window is not None and window > 1:
            raise InputError(f"reuse_within compares frames one at a time: leave out window {window}")
        self.model.reuse_within = within

    def set_vocabulary(self, vocabulary: Vocabulary | Sequence[str | Sequence[str]]) -> None:
        """Changes the categories; only words not seen before are encoded."""
        self.model.set_vocabulary(vocabulary, self.contrast)
        self.model.vocabulary_embedding()

    @property
    def takes_videos(self) -> bool:
        """Whether the model is one for videos, not for single images."""
        return isinstance(self.model, CLIPVISVideo)

    @property
    def score_thr(self) -> float:
        """Least score that is drawn by default: what the calibration of the weights says, or 0.3."""
        return shown_from(self.model.calibration, has_contrast=self.model.contrast_embedding() is not None)

    def __call__(
        self,
        source: str | Path | FrameSource | Iterable[np.ndarray],
        *,
        allow_truncated: bool = False,
        progress: bool = True,
        keep_features: bool | BinaryIO = True,
    ) -> SegmentationResult:
        """Segments one video, folder of frames, image, or iterable of RGB uint8 arrays `(H, W, 3)`.

        Args:
            source: See `clipvis_core.media.open_frames`.
            allow_truncated: Take a video that breaks half-way for what could be decoded.
            progress: Show a progress bar with frames a second.
            keep_features: Whether other words can be asked of the result; see `stream`.

        Raises:
            InputError: The source cannot be read, breaks half-way, or has several frames and the model is an
                image model.
        """
        frames = _as_source(source, allow_truncated)
        if self.takes_videos:
            return self.stream(frames, progress=progress, keep_features=keep_features).result()
        return self._segment_image(frames, self._keeping(frames, keep_features))

    def stream(
        self,
        source: str | Path | FrameSource | Iterable[np.ndarray],
        *,
        allow_truncated: bool = False,
        progress: bool = False,
        keep_features: bool | BinaryIO = False,
        most_feature_bytes: int | None = MOST_FEATURE_BYTES,
        **tracking: Any,
    ) -> FrameStream:
        """Segments a video frame by frame: iterate over what this returns, then ask for its `result()`.

        Args:
            source: As for a call; also `-` (a video on standard input), a named pipe or a camera.
            allow_truncated: Take a video that breaks half-way for what could be decoded.
            progress: Show a progress bar with frames a second.
            keep_features: Keep what asking for other words needs, in a temporary file or in one that is open for
                writing; `SegmentationResult.ask` then needs no network.
            most_feature_bytes: Size of that file from which on nothing is kept after all; None for any.
            tracking: `live`, `keep` and `temp_dir` of `Tracker`: when tracks start and end, whether `result` will be
                asked for, and where the temporary files go (about 0.1 MB a frame).

        Raises:
            InputError: The source cannot be read, or the model is an image model.

        Example:
            stream = inferencer.stream("/dev/video0", live=LiveRule(start_score=0.4, patience=15))
            for image, tracks in stream:
                for track in tracks.records(stream.vocabulary.names, score_thr=0.3):
                    print(tracks.frame, track["id"], track["label"])
        """
        if not isinstance(self.model, CLIPVISVideo):
            raise InputError("the config builds an image model: use one of configs/video")
        frames = _as_source(source, allow_truncated)
        size = self._network_size(frames)
        sizes = MaskSizes(self.model.padded_size(size), size, (frames.height, frames.width))
        wanted = keep_features if tracking.get("keep", True) else False
        keeping = self._keeping(frames, wanted, most_feature_bytes, tracking.get("temp_dir"))
        tracker = self.model.tracker(sizes, **tracking, features=keeping and keeping.writer)
        return FrameStream(frames, self.model, tracker, progress=progress, keeping=keeping)

    def _keeping(
        self,
        frames: FrameSource,
        wanted: bool | BinaryIO,
        most_bytes: int | None = MOST_FEATURE_BYTES,
        temp_dir: str | Path | None = None,
    ) -> Keeping | None:
        """What keeps the features of a source, if they are wanted."""
        if not wanted:
            return None
        file = tempfile.TemporaryFile(dir=temp_dir) if wanted is True else wanted  # noqa: SIM115 (it is asked of)
        return Keeping(frames, self.model, *self._origin, file, most_bytes)

    def _network_size(self, frames: FrameSource) -> tuple[int, int]:
        return resized_size(frames.height, frames.width, self.short_side, self.max_long_side)

    def _segment_image(self, frames: FrameSource, keeping: Keeping | None) -> SegmentationResult:
        images = list(islice(frames, 2))
        if len(images) > 1:
            raise InputError(
                f"{frames.name} has several frames and the config builds an image model: use configs/video"
            )
        size = self._network_size(frames)
        sample = DetDataSample(metainfo={"img_shape": size, "ori_shape": (frames.height, frames.width)})
        inputs = {"inputs": [to_input(images, size)[0].to(self.device)], "data_samples": [sample]}
        if keeping is None:
            (sample,) = self.model.test_step(inputs)
            asker = None
        else:
            data = self.model.data_preprocessor(inputs, False)
            sample, *kept = self.model.predict_and_keep(data["inputs"], *data["data_samples"])
            keeping.writer.append(*kept)
            asker = keeping.finish([0.0])
        tracks = tracks_of_image(sample.pred_instances)
        return SegmentationResult.of(frames, self.model.vocabulary, tracks, num_frames=1, asker=asker)


def _as_source(source: str | Path | FrameSource | Iterable[np.ndarray], allow_truncated: bool) -> FrameSource:
    if isinstance(source, FrameSource):
        return source
    return open_frames(source, allow_truncated=allow_truncated)


def _usable_device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device '{name}' cannot be used here ({first_line(error)}): try cpu") from None
    return device


def _sizes_of(config: Config) -> tuple[int, int]:
    sizes = config.get("inference")
    found = [sizes.get(name) for name in ("short_side", "max_long_side")] if isinstance(sizes, Mapping) else [None]
    if not all(type(size) is int and size > 0 for size in found):
        raise InputError(
            "the config has no inference = dict(short_side=..., max_long_side=...), in pixels: take one from configs/"
        )
    return tuple(found)


def _at_least(name: str, least: int, value: int | None, default: int) -> int:
    if value is not None and value < least:
        raise InputError(f"{name} must be at least {least}, got {value}")
    return default if value is None else value
