"""Training the embeddings that objects are matched by through time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmdet.structures import TrackDataSample
from torch import Tensor

from clipvis_core.models.base import target_masks
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.models.query_decoder import QueryPrediction
from clipvis_core.models.video_model import CLIPVISVideo


@dataclass(frozen=True)
class ShownInstances:
    """What a frame of a clip shows.

    Attributes:
        target: The instances to be seen in it.
        ids: int64 `(N,)`, which instance of the clip each of them is.
    """

    target: FrameTarget
    ids: Tensor


@MODELS.register_module()
class CLIPVISMatchingVideo(CLIPVISVideo):
    """The video model with a loss for its matching: the queries of one object in two frames shall be alike.

    The published losses look at single frames, so that nothing tells an embedding to stay the same. Here each frame
    and the next are compared as `TemporalMatcher` does it, and the cosines are trained to pick the right query
    among all.

    Args:
        matching_weight: Weight of that loss.
        temperature: What cosines are divided by before the softmax.
        **kwargs: See `CLIPVISVideo`.
    """

    def __init__(self, *, matching_weight: float = 1.0, temperature: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.matching_weight = matching_weight
        self.temperature = temperature

    def loss(self, batch_inputs: Tensor, batch_data_samples: list[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of clips `(B, T, 3, H, W)`: those of their frames, and `loss_matching`.

        What a frame does not show is no target there. A sample whose metainfo says `exhaustive=False` has objects
        that nobody annotated; see `FrameTarget`.
        """
        if self.criterion is None:
            raise ValueError("this model was built without a criterion and cannot be trained")
        clips = [shown_instances(sample, batch_inputs.device) for sample in batch_data_samples]
        targets = [frame.target for clip in clips for frame in clip]
        features = self.extract_feat(batch_inputs.flatten(0, 1))
        predictions = self.head(features.levels, all_layers=True)
        losses = self.criterion(predictions, targets)
        losses["loss_matching"] = self.matching_weight * self._matching_loss(predictions[-1], clips)
        return losses

    def _matching_loss(self, prediction: QueryPrediction, clips: list[list[ShownInstances]]) -> Tensor:
        """Mean over the pairs of following frames that show an instance in common."""
        frames = [frame for clip in clips for frame in clip]
        found = self.criterion.match(prediction, [frame.target for frame in frames])
        queries = iter(zip(prediction.embeddings, frames, found, strict=True))
        losses = [prediction.embeddings.new_zeros(())]
        for clip in clips:
            for (first, shown, pairs), (second, later, later_pairs) in pairwise([next(queries) for _ in clip]):
                same = common_queries(pairs[0], shown.ids[pairs[1]], later_pairs[0], later.ids[later_pairs[1]])
                if len(same):
                    losses.append(matching_loss(first, second, same, self.temperature))
        return torch.stack(losses).sum() / max(len(losses) - 1, 1)


def shown_instances(sample: TrackDataSample, device: torch.device) -> list[ShownInstances]:
    """What each frame of a clip shows, of rows whose `instances_ids` are -1 where they are not to be seen."""
    shown = []
    for frame in sample.video_data_samples:
        ids = torch.as_tensor(frame.gt_instances.instances_ids, device=device)
        seen = ids != -1
        masks = target_masks(frame.gt_instances, device)[seen]
        target = FrameTarget(masks, torch.zeros(len(masks), dtype=torch.long, device=device))
        target = replace(target, exhaustive=sample.metainfo.get("exhaustive", True))
        shown.append(ShownInstances(target, ids[seen]))
    return shown


def common_queries(queries: Tensor, ids: Tensor, later_queries: Tensor, later_ids: Tensor) -> Tensor:
    """Queries of the instances that two frames have in common.

    Args:
        queries: int64 `(N,)` of the first frame.
        ids: int64 `(N,)`, the instance each of them has found.
        later_queries: int64 `(M,)` of the second frame.
        later_ids: int64 `(M,)`.

    Returns:
        int64 `(P, 2)`: a query of each frame.

    Example:
        >>> common_queries(torch.tensor([4, 7]), torch.tensor([0, 1]), torch.tensor([5, 6]), torch.tensor([2, 1]))
        tensor([[7, 6]])
    """
    here, there = (ids[:, None] == later_ids).nonzero(as_tuple=True)
    return torch.stack([queries[here], later_queries[there]], dim=1)


def matching_loss(first: Tensor, second: Tensor, pairs: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of picking the partner among all queries of the other frame, mean of both directions.

    Args:
        first: Embeddings of a frame's queries, `(Q, C)`.
        second: The same of another frame.
        pairs: int64 `(P, 2)`, P > 0: the queries that belong together.
        temperature: What cosines are divided by.

    Returns:
        Scalar.
    """
    cosines = F.normalize(first.float(), dim=-1) @ F.normalize(second.float(), dim=-1).T
    logits = cosines / temperature
    here, there = pairs.unbind(dim=1)
    forward = F.cross_entropy(logits[here], there)
    backward = F.cross_entropy(logits.T[there], here)
    return (forward + backward) / 2
