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

from clipvis_core.models.base import CLIPVISModel, target_masks
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.pipelining import ahead
from clipvis_core.tracking import FrameTracks, LiveRule, MaskSizes, StreamingTracker, VideoTracks, WindowOutputs

CPU_WINDOW = 1
GPU_WINDOW = 10  # as published


@MODELS.register_module()
class CLIPVISVideo(CLIPVISModel):
    """Open-vocabulary video instance segmentation.

    Args:
        num_memory: Frames remembered by the temporal matching; with 0, a track is what one query says in all frames.
        num_match: Memories combined by it.
        weighted_classification: Whether mask IoU and objectness weigh a track's scores; see `TrackScores`.
        topk: Most (query, category) pairs a video.
        window: Frames the network sees at once; it bounds memory and does not change results but for float noise. By
            default 10 on a GPU, as published, and 1 on a CPU, where more only costs memory and page faults.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_memory = num_memory
        self.num_match = num_match
        self.weighted_classification = weighted_classification
        self.topk = topk
        self._window = window

    @property
    def window(self) -> int:
        """Frames the network sees at once."""
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
            self._track(frames.split(self.window), sample)
        return batch_data_samples

    def test_step(self, data: dict) -> list[TrackDataSample]:
        """Segments videos whose frames need not be in memory, window by window.

        Args:
            data: `data_samples` as for `predict`, and `inputs`: for each video its frames, a sequence of T uint8
                `(3, H, W)`. A sequence that is no tensor is read in a thread, ahead of the network.
        """
        for frames, sample in zip(data["inputs"], data["data_samples"], strict=True):
            self._track((self.prepare(window) for window in self._windows(frames)), sample)
        return data["data_samples"]

    val_step = test_step

    def prepare(self, frames: Tensor) -> Tensor:
        """Frames uint8 `(n, 3, H, W)` on the model's device, normalised and padded."""
        data = {"inputs": [frames], "data_samples": None}
        return self.data_preprocessor(data, False)["inputs"][0]

    def start_video(self, image_size: tuple[int, int], output_size: tuple[int, int], **options: Any) -> VideoSession:
        """A new video, whose frames are then added window by window.

        Args:
            image_size: Part of the padded frames that is image, (H, W).
            output_size: Size of the masks wanted, (H, W).
            options: `live`, `keep` and `folder` of `StreamingTracker`.
        """
        return VideoSession(self, image_size, output_size, **options)

    def _track(self, windows: Iterable[Tensor], sample: TrackDataSample) -> None:
        """Puts a video's tracks into its sample."""
        session = self.start_video(sample[0].img_shape[:2], sample[0].ori_shape[:2])
        for window in windows:
            session.add(window)
        tracks = session.finish()
        sample.pred_tracks = InstanceData(
            scores=tracks.scores,
            labels=tracks.labels,
            queries=tracks.queries,
            segmentations=[list(segments) for segments in tracks.segmentations],
        )

    def _windows(self, frames: Tensor | Sequence[Tensor]) -> Iterator[Tensor]:
        """A video's frames, uint8 `(n, 3, H, W)`."""
        if isinstance(frames, Tensor):
            yield from frames.split(self.window)
            return
        loaded = ahead((frames[t] for t in range(len(frames))), depth=2 * self.window)
        while window := list(islice(loaded, self.window)):
            yield torch.stack(window)


class VideoSession:
    """One video on its way through the network and the tracker; see `CLIPVISVideo.start_video`.

    Attributes:
        tracker: The video's `StreamingTracker`, from the first frame on.
    """

    def __init__(
        self,
        model: CLIPVISVideo,
        image_size: tuple[int, int],
        output_size: tuple[int, int],
        *,
        live: LiveRule | None = None,
        keep: bool = True,
        folder: str | None = None,
    ) -> None:
        self.model = model
        self.tracker: StreamingTracker | None = None
        self._image_size = tuple(image_size)
        self._output_size = tuple(output_size)
        self._options = dict(live=live, keep=keep, folder=folder)

    @torch.no_grad()
    def add(self, images: Tensor) -> list[FrameTracks]:
        """Adds frames, and says what is known about each so far.

        Args:
            images: Normalised and padded, `(n, 3, H, W)`, of one size throughout the video.
        """
        size = tuple(images.shape[-2:])
        if self.tracker is None:
            self.tracker = self._start(size)
        elif self.tracker.sizes.padded != size:
            raise ValueError(f"frames of padded size {size} after frames of {self.tracker.sizes.padded}")
        prediction, dense = self.model.segment(images)
        class_logits = self.model.classify(prediction.mask_logits, dense)
        # What follows is cheap and stays in float32.
        with torch.autocast(images.device.type, enabled=False):
            return self.tracker.add(
                WindowOutputs(
                    class_probs=class_logits.float().softmax(dim=-1),
                    ious=prediction.ious.float(),
                    object_logits=prediction.object_logits.float(),
                    mask_logits=prediction.mask_logits.float(),
                    embeddings=prediction.embeddings.float(),
                )
            )

    def finish(self) -> VideoTracks:
        """The video's tracks: the published result over all its frames."""
        if self.tracker is None:
            raise ValueError("no frame has been added")
        return self.tracker.finish()

    def _start(self, padded_size: tuple[int, int]) -> StreamingTracker:
        return StreamingTracker(
            sizes=MaskSizes(padded_size, self._image_size, self._output_size),
            num_memory=self.model.num_memory,
            num_match=self.model.num_match,
            weighted=self.model.weighted_classification,
            topk=self.model.topk,
            **self._options,
        )


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
