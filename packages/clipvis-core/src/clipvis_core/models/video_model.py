"""The video model: the image model's network on windows of frames, plus time (docs/model.md, equations 14 to 17)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import TrackDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from clipvis_core.models.base import CLIPVISModel, target_masks, too_large
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.models.frame_reuse import FrameReuse
from clipvis_core.pipelining import ahead
from clipvis_core.tracking import FrameTracks, MaskSizes, Tracker
from clipvis_core.tracking.outputs import OutputsOnTheWay

CPU_WINDOW = 1
GPU_WINDOW = 10  # as published


@MODELS.register_module()
class CLIPVISVideo(CLIPVISModel):
    """Open-vocabulary video instance segmentation.

    Args:
        num_memory: Frames remembered by the temporal matching; with 0, a track is one query in all frames.
        num_match: Memories combined by it.
        weighted_classification: Whether mask IoU and objectness weigh a track's scores; see `TrackScores`.
        topk: Most (query, category) pairs a video.
        window: Frames the network sees at once; it bounds memory and does not change results but for float noise. By
            default 10 on a GPU, as published, and 1 on a CPU, where more only costs memory and page faults.
        reuse_within: Grey levels up to which a frame is taken for the last one that went through the network, see
            `FrameReuse`; frames then go through it one at a time. By default each frame does.
        **kwargs: See `CLIPVISModel`.
    """

    def __init__(
        self,
        *,
        num_memory: int = 9,
        num_match: int = 5,
        weighted_classification: bool = True,
        topk: int = 50,
        window: int | None = None,
        reuse_within: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_memory = num_memory
        self.num_match = num_match
        self.weighted_classification = weighted_classification
        self.topk = topk
        self._window = window
        self.reuse_within = reuse_within

    @property
    def window(self) -> int:
        """Frames the network sees at once."""
        if self.reuse_within is not None:
            return 1
        if self._window is not None:
            return self._window
        return CPU_WINDOW if self.backbone.logit_scale.device.type == "cpu" else GPU_WINDOW

    @window.setter
    def window(self, frames: int) -> None:
        self._window = frames

    def loss(self, batch_inputs: Tensor, batch_data_samples: list[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of clips `(B, T, 3, H, W)`, their frames taken as a batch."""
        targets = [target for sample in batch_data_samples for target in clip_targets(sample, batch_inputs.device)]
        return self.compute_losses(batch_inputs.flatten(0, 1), targets)

    def predict(self, batch_inputs: Tensor, batch_data_samples: list[TrackDataSample]) -> list[TrackDataSample]:
        """Adds `pred_tracks` to each sample: `scores`, `labels`, `queries`, `segmentations` (see `VideoTracks`).

        Args:
            batch_inputs: Normalised and padded frames, `(B, T, 3, H, W)`.
            batch_data_samples: B samples; `img_shape` and `ori_shape` of their first frames are used.
        """
        for frames, sample in zip(batch_inputs, batch_data_samples, strict=True):
            self._segment_video(frames.split(self.window), sample, tuple(frames.shape[-2:]))
        return batch_data_samples

    def test_step(self, data: dict) -> list[TrackDataSample]:
        """Segments videos whose frames need not be in memory, window by window.

        Args:
            data: `data_samples` as for `predict`, and `inputs`: for each video its frames, a sequence of T uint8
                `(3, H, W)`. A sequence that is no tensor is read in a thread, ahead of the network.
        """
        for frames, sample in zip(data["inputs"], data["data_samples"], strict=True):
            windows = (self.prepare(window) for window in self._windows(frames))
            self._segment_video(windows, sample, self.padded_size(sample[0].img_shape[:2]))
        return data["data_samples"]

    val_step = test_step

    def _segment_video(self, windows: Iterable[Tensor], sample: TrackDataSample, padded: tuple[int, int]) -> None:
        """Puts a video's tracks into its sample."""
        tracker = self.tracker(MaskSizes(padded, tuple(sample[0].img_shape[:2]), tuple(sample[0].ori_shape[:2])))
        for _ in self.track(windows, tracker):
            pass
        tracks = tracker.finish()
        sample.pred_tracks = InstanceData(
            scores=tracks.scores,
            labels=tracks.labels,
            queries=tracks.queries,
            segmentations=[list(segments) for segments in tracks.segmentations],
        )

    def track(self, windows: Iterable[Tensor], tracker: Tracker) -> Iterator[FrameTracks]:
        """Takes every video, window by window, through the network and into the tracker.

        A GPU has the next window before the tracks of this one are worked out, so that it need not wait for them.

        Args:
            windows: Normalised and padded frames, `(n, 3, H, W)` each.
            tracker: One of `self.tracker`, whose `finish` gives the result of the frames so far.

        Yields:
            What is known about each frame.
        """
        for sent in self._sent(iter(windows), tracker):
            yield from tracker.take(sent)

    def _sent(self, windows: Iterator[Tensor], tracker: Tracker) -> Iterator[OutputsOnTheWay]:
        """Outputs of each window; those of a GPU after the next window was begun, but for a live source's frame."""
        outputs = self.outputs
        if self.reuse_within is not None:
            std = getattr(self.data_preprocessor, "std", 1.0)  # there is none where nothing is normalised
            outputs = FrameReuse(outputs, self.reuse_within, std)
        waiting = None
        while True:
            try:
                images = next(windows, None)
                sent = None if images is None else tracker.send(outputs(images))
            except Exception:  # it comes after the frames before it
                if waiting is not None:
                    yield waiting
                raise
            if waiting is not None:
                yield waiting
            if sent is None:
                return
            waiting = sent
            if not self._overlaps(images):
                yield waiting
                waiting = None

    @staticmethod
    def _overlaps(images: Tensor) -> bool:
        """Whether the next window may be begun before these frames' tracks are known."""
        return images.is_cuda and len(images) > 1

    def tracker(self, sizes: MaskSizes, **options: Any) -> Tracker:
        """A tracker for one video.

        Args:
            sizes: Padded size of its frames (see `padded_size`), size before padding, and size of the masks wanted.
            options: `live`, `keep`, `temp_dir` and `features` of `Tracker`.
        """
        return Tracker(
            sizes,
            num_memory=self.num_memory,
            num_match=self.num_match,
            weighted=self.weighted_classification,
            topk=self.topk,
            calibration=self.calibration,
            **options,
        )

    def padded_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of what `prepare` makes of frames of size (H, W)."""
        divisor = self.data_preprocessor.pad_size_divisor
        height, width = (-(-side // divisor) * divisor for side in image_size)
        return height, width

    def prepare(self, frames: Tensor) -> Tensor:
        """Frames uint8 `(n, 3, H, W)` on the model's device, normalised and padded there.

        Raises:
            InputError: See `outputs`.
        """
        try:
            data = {"inputs": [frames.to(self.data_preprocessor.device, non_blocking=True)], "data_samples": None}
            return self.data_preprocessor(data, False)["inputs"][0]
        except torch.cuda.OutOfMemoryError:
            raise too_large(frames) from None

    def staged(self, frames: Tensor) -> Tensor:
        """Frames in memory from which a GPU takes them while the host goes on, if the model is on one."""
        return frames.pin_memory() if self.data_preprocessor.device.type == "cuda" else frames

    def _windows(self, frames: Tensor | Sequence[Tensor]) -> Iterator[Tensor]:
        """A video's frames, uint8 `(n, 3, H, W)`."""
        if isinstance(frames, Tensor):
            yield from frames.split(self.window)
            return
        loaded = ahead((frames[t] for t in range(len(frames))), depth=2 * self.window)
        while window := list(islice(loaded, self.window)):
            yield self.staged(torch.stack(window))


def clip_targets(sample: TrackDataSample, device: torch.device) -> list[FrameTarget]:
    """Targets of a clip's T frames from mmdet's ground truth.

    All frames hold the same slots, one a track, with `instances_ids` -1 where the track is absent; tracks absent in
    all frames are left out.
    """
    instances = [frame.gt_instances for frame in sample.video_data_samples]
    absent = torch.stack([torch.as_tensor(frame.instances_ids, device=device) == -1 for frame in instances])
    kept = ~absent.all(dim=0)
    return [
        FrameTarget(target_masks(frame, device)[kept], gone[kept].long())
        for frame, gone in zip(instances, absent, strict=True)
    ]
