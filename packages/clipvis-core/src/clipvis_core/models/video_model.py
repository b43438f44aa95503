"""The video model: the image model's network on windows of frames, plus time (METHOD section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import TrackDataSample
from mmengine.structures import InstanceData
from torch import Tensor
from tqdm import tqdm

from clipvis_core.models.base import CLIPVISModel, target_masks
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.tracking import (
    FrameOutputs,
    TemporalMatcher,
    TopTracks,
    TrackScores,
    encode_masks,
    resize_mask_logits,
)

QUERIES_RESIZED_AT_ONCE = 8
CPU_WINDOW = 1
GPU_WINDOW = 10  # as published


@dataclass(frozen=True)
class VideoTracks:
    """Result of a video: N (query, category) pairs, best first.

    Attributes:
        scores: `(N,)`.
        labels: int64 `(N,)`, 0-based.
        queries: int64 `(N,)`; pairs of one query share their masks.
        segmentations: N lists of T entries: a compressed RLE record at output size, or None without a pixel.
    """

    scores: Tensor
    labels: Tensor
    queries: Tensor
    segmentations: list[list[dict | None]]


@MODELS.register_module()
class CLIPVISVideo(CLIPVISModel):
    """Open-vocabulary video instance segmentation.

    Args:
        num_memory: Frames remembered by the temporal matching.
        num_match: Memories combined by it.
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
        topk: int = 50,
        window: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_memory = num_memory
        self.num_match = num_match
        self.topk = topk
        self._window = window

    @property
    def window(self) -> int:
        """Frames the network sees at once."""
        if self._window is not None:
            return self._window
        return CPU_WINDOW if self.head.query_feat.weight.device.type == "cpu" else GPU_WINDOW

    @window.setter
    def window(self, frames: int) -> None:
        self._window = frames

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: list[TrackDataSample]
    ) -> dict[str, Tensor]:
        """Losses of clips `(B, T, 3, H, W)`, their frames taken as a batch."""
        targets = [
            target
            for sample in batch_data_samples
            for target in clip_targets(sample, batch_inputs.device)
        ]
        return self.compute_losses(batch_inputs.flatten(0, 1), targets)

    @torch.no_grad()
    def predict(
        self, batch_inputs: Tensor, batch_data_samples: list[TrackDataSample]
    ) -> list[TrackDataSample]:
        """Adds `pred_tracks` to each sample: `scores`, `labels`, `queries`, `segmentations` (see `VideoTracks`)."""
        for frames, sample in zip(batch_inputs, batch_data_samples, strict=True):
            session = self.start_video()
            for window in frames.split(self.window):
                session.add(window)
            first = sample[0]
            tracks = session.finish(first.img_shape[:2], first.ori_shape[:2])
            sample.pred_tracks = InstanceData(
                scores=tracks.scores,
                labels=tracks.labels,
                queries=tracks.queries,
                segmentations=tracks.segmentations,
            )
        return batch_data_samples

    def start_video(self) -> VideoSession:
        """A new video, whose frames are then added window by window."""
        return VideoSession(self, TemporalMatcher(self.num_memory, self.num_match))


class VideoSession:
    """One video on its way through the model.

    Mask logits of all frames wait on the CPU until `finish`, since the frames in which a track is shown depend on its
    final score: about 10 MB a frame at 480x864. Everything else is small.
    """

    def __init__(self, model: CLIPVISVideo, matcher: TemporalMatcher) -> None:
        self.model = model
        self.matcher = matcher
        self.track_scores = TrackScores()
        self.permutations: list[Tensor] = []
        self._mask_logits: list[Tensor] = []
        self._padded_size: tuple[int, int] | None = None

    @torch.no_grad()
    def add(self, images: Tensor) -> None:
        """Adds frames.

        Args:
            images: Normalised and padded, `(n, 3, H, W)`, of one size throughout the video.
        """
        size = tuple(images.shape[-2:])
        if self._padded_size not in (None, size):
            raise ValueError(f"frames of padded size {size} after frames of {self._padded_size}")
        self._padded_size = size
        prediction, dense = self.model.segment(images)
        class_logits = self.model.classify(prediction.mask_logits, dense)
        # What follows is cheap and stays in float32.
        with torch.autocast(images.device.type, enabled=False):
            class_probs = class_logits.float().softmax(dim=-1)
            for t in range(len(images)):
                self._add_frame(
                    prediction.embeddings[t].float(),
                    FrameOutputs(
                        class_probs=class_probs[t],
                        ious=prediction.ious[t].float(),
                        object_logits=prediction.object_logits[t].float(),
                        mask_logits=prediction.mask_logits[t].float(),
                    ),
                )

    def _add_frame(self, embeddings: Tensor, outputs: FrameOutputs) -> None:
        """Puts one frame's outputs into track order and takes them in."""
        permutation = self.matcher.step(embeddings)
        aligned = outputs.permuted(permutation)
        self.track_scores.update(aligned)
        self.permutations.append(permutation)
        self._mask_logits.append(aligned.mask_logits.cpu())

    @torch.no_grad()
    def finish(
        self, image_size: tuple[int, int], output_size: tuple[int, int], *, progress: bool = False
    ) -> VideoTracks:
        """The video's tracks.

        Args:
            image_size: Part of the padded frames that is image, (H, W).
            output_size: Size of the masks wanted, (H, W).
            progress: Show a progress bar over the frames.
        """
        top = self.track_scores.top(self.model.topk)
        segmentations: list[list[dict | None]] = [[] for _ in top.queries]
        frames = tqdm(
            range(len(self._mask_logits)), desc="masks", unit="frame", disable=not progress
        )
        for t in frames:
            records = self._frame_records(t, top, image_size, output_size)
            for track, record in enumerate(records):
                segmentations[track].append(record)
        return VideoTracks(top.scores.cpu(), top.labels.cpu(), top.queries.cpu(), segmentations)

    def _frame_records(
        self, t: int, top: TopTracks, image_size: tuple[int, int], output_size: tuple[int, int]
    ) -> list[dict | None]:
        """RLE of each top track in frame `t`; each query's mask is resized and encoded once."""
        shown = ~top.hidden[:, t].cpu()
        queries = top.queries.cpu()
        logits = self._mask_logits[t]
        wanted = queries[shown].unique()
        wanted = wanted[(logits[wanted] > 0).flatten(1).any(dim=1)]
        by_query: dict[int, dict] = {}
        for chunk in wanted.split(QUERIES_RESIZED_AT_ONCE):
            source = logits[chunk].to(top.queries.device)
            masks = resize_mask_logits(source, self._padded_size, image_size, output_size) > 0
            filled = masks.flatten(1).any(dim=1).tolist()
            for query, record, has_pixel in zip(
                chunk.tolist(), encode_masks(masks), filled, strict=True
            ):
                if has_pixel:
                    by_query[query] = record
        return [
            by_query.get(int(query)) if visible else None
            for query, visible in zip(queries, shown, strict=True)
        ]


def clip_targets(sample: TrackDataSample, device: torch.device) -> list[FrameTarget]:
    """Targets of a clip's T frames from mmdet's ground truth.

    All frames hold the same slots, one a track, with `instances_ids` -1 where the track is absent; tracks absent in
    all frames are left out.
    """
    instances = [frame.gt_instances for frame in sample.video_data_samples]
    absent = torch.stack(
        [torch.as_tensor(frame.instances_ids, device=device) == -1 for frame in instances]
    )
    kept = ~absent.all(dim=0)
    return [
        FrameTarget(target_masks(frame, device)[kept], gone[kept].long())
        for frame, gone in zip(instances, absent, strict=True)
    ]
