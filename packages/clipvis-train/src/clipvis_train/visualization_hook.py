"""Pictures of what the model predicts, at every validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend
from PIL import Image

from clipvis_core import Vocabulary
from clipvis_core.foundation.whole_file import whole_file
from clipvis_core.inference.result import SegmentationResult, tracks_of_image
from clipvis_core.media.images import load_image
from clipvis_core.models.vocabulary_hook import inner_model
from clipvis_core.tracking import VideoTracks


@HOOKS.register_module()
class PredictionVisualizationHook(Hook):
    """Draws the predictions on a few validation images or clips, the same ones each time.

    The pictures go to `WORK_DIR/vis/iter_N/`, one a frame, and to TensorBoard and other backends of the visualizer.
    mmdet's own hooks name pictures without the iteration, and draw tracks only where each frame holds its own.

    Args:
        num_samples: Images or clips that are drawn, spread evenly over the first process's share of the validation set.
        frames_per_clip: Frames of a clip that are drawn, spread evenly.
        score_thr: Predictions below it are not drawn.
        max_objects: Most predictions drawn, the best ones.
    """

    priority = "LOW"

    def __init__(
        self, *, num_samples: int = 4, frames_per_clip: int = 3, score_thr: float = 0.1, max_objects: int = 10
    ) -> None:
        self.num_samples = num_samples
        self.frames_per_clip = frames_per_clip
        self.score_thr = score_thr
        self.max_objects = max_objects

    @master_only
    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[DetDataSample | TrackDataSample] | None = None,
    ) -> None:
        """Draws the first sample of the batch if it is one of the chosen."""
        if not outputs or batch_idx not in spread(len(runner.val_dataloader), self.num_samples):
            return
        folder = Path(runner.work_dir, "vis", f"iter_{runner.iter}")
        for name, picture in self.pictures(outputs[0], inner_model(runner).vocabulary):
            path = folder / f"{batch_idx:05d}_{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                Image.fromarray(picture).save(file, format="JPEG", quality=90)
            for options in runner.cfg.get("visualizer", {}).get("vis_backends") or ():
                backend = runner.visualizer.get_backend(options.get("name", options["type"]))
                if not isinstance(backend, LocalVisBackend):  # the files are written already
                    backend.add_image(f"val/{path.stem}", picture, step=runner.iter)

    def pictures(
        self, sample: DetDataSample | TrackDataSample, vocabulary: Vocabulary
    ) -> Iterator[tuple[str, np.ndarray]]:
        """A name and an RGB uint8 `(H, W, 3)` picture of each frame drawn.

        Args:
            sample: A model's output: an image with `pred_instances`, or a clip with `pred_tracks`.
            vocabulary: The categories that the labels count.
        """
        is_clip = isinstance(sample, TrackDataSample)
        frames = list(sample) if is_clip else [sample]
        drawn = as_result(sample, vocabulary).drawn(self.score_thr).first(self.max_objects)
        for t in spread(len(frames), self.frames_per_clip):
            path = Path(frames[t].img_path)
            picture = drawn.draw(load_image(path), t)
            yield f"{path.parent.name}_{path.stem}" if is_clip else path.stem, picture


def spread(count: int, chosen: int) -> list[int]:
    """At most `chosen` of the numbers from 0 to `count` - 1, evenly apart.

    Example:
        >>> spread(10, 4), spread(2, 4)
        ([0, 2, 5, 7], [0, 1])
    """
    chosen = min(count, chosen)
    return [i * count // chosen for i in range(chosen)]


def as_result(sample: DetDataSample | TrackDataSample, vocabulary: Vocabulary) -> SegmentationResult:
    """A model's output as the inference API gives it; an image is a clip of one frame."""
    if isinstance(sample, TrackDataSample):
        found, first, num_frames = sample.pred_tracks, sample[0], len(sample)
        tracks = VideoTracks(found.scores, found.labels, found.queries, found.segmentations)
    else:
        first, num_frames = sample, 1
        tracks = tracks_of_image(sample.pred_instances)
    height, width = first.ori_shape[:2]
    return SegmentationResult(Path(first.img_path).stem, height, width, Fraction(1), num_frames, vocabulary, tracks)
