"""The loss that makes the queries of one object alike in two frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, TrackDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData

from projects.photo_mini.photo_mini.matching_loss import common_queries, matching_loss, shown_instances

SIZE = 64


def small_config(repo_root, **changes):
    """The published video model, smaller, with the loss."""
    config = Config.fromfile(repo_root / "configs/video/clipvis_r50_lvis.py").model
    config.head.query_decoder.num_layers = 3
    config.head.query_decoder.num_queries = 20
    config.criterion.num_points = 64
    config.update(type="CLIPVISMatchingVideo", **changes)
    return config


def clip(ids_by_frame, exhaustive=True):
    """A clip with a square a row; ids -1 are rows that a frame does not show."""
    frames = []
    for ids in ids_by_frame:
        masks = np.zeros((len(ids), SIZE, SIZE), np.uint8)
        for row, number in enumerate(ids):
            if number != -1:
                masks[row, 20 * row : 20 * row + 16, 8:40] = 1
        frame = DetDataSample()
        frame.gt_instances = InstanceData(masks=BitmapMasks(masks, SIZE, SIZE), instances_ids=torch.tensor(ids))
        frames.append(frame)
    sample = TrackDataSample(metainfo={"exhaustive": exhaustive})
    sample.video_data_samples = frames
    return sample


def test_what_a_frame_does_not_show_is_no_target():
    shown = shown_instances(clip([[0, -1, 2], [-1, -1, -1]], exhaustive=False), torch.device("cpu"))
    assert [frame.ids.tolist() for frame in shown] == [[0, 2], []]
    assert [len(frame.target.masks) for frame in shown] == [2, 0]
    assert not any(frame.target.exhaustive for frame in shown)


def test_queries_of_the_same_instance():
    pairs = common_queries(
        torch.tensor([1, 3, 8]),
        torch.tensor([5, 2, 0]),
        torch.tensor([0, 4]),
        torch.tensor([0, 5]),
    )
    assert pairs.tolist() == [[1, 4], [8, 0]]
    nothing = torch.tensor([], dtype=torch.long)
    assert common_queries(nothing, nothing, nothing, nothing).shape == (0, 2)


def test_the_loss_is_small_where_partners_are_alike():
    first = torch.eye(6)
    order = torch.tensor([3, 1, 0, 2, 5, 4])
    right = torch.stack([order[:3], torch.arange(3)], dim=1)
    wrong = torch.stack([order[:3].roll(1), torch.arange(3)], dim=1)
    assert matching_loss(first, first[order], right, 0.1) < 0.01
    assert matching_loss(first, first[order], wrong, 0.1) > 5


def test_the_loss_does_not_know_which_frame_is_first():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 7, 5, generator=generator)
    pairs = torch.tensor([[0, 3], [2, 2]])
    one = matching_loss(first, second, pairs, 0.2)
    assert one.item() == pytest.approx(matching_loss(second, first, pairs.flip(1), 0.2).item())


@pytest.fixture(scope="module")
def model(repo_root):
    return MODELS.build(small_config(repo_root, matching_weight=0.5))


@pytest.mark.parametrize(
    ("ids", "matched"),
    [([[0, 1], [0, 1]], True), ([[0, -1], [-1, 1]], False), ([[-1], [-1]], False)],
)
def test_the_model_is_trained_to_match(model, ids, matched):
    torch.manual_seed(0)
    model.zero_grad()
    losses = model.loss(torch.randn(1, 2, 3, SIZE, SIZE), [clip(ids)])
    assert (losses["loss_matching"] > 0) == matched
    assert "d0.loss_mask" in losses
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    if matched:
        assert model.head.query_decoder.query_feat.weight.grad.abs().sum() > 0


def test_a_model_that_only_infers_has_no_losses(repo_root):
    config = small_config(repo_root, criterion=None)
    with pytest.raises(ValueError, match="without a criterion"):
        MODELS.build(config).loss(torch.zeros(1, 2, 3, SIZE, SIZE), [clip([[0], [0]])])
