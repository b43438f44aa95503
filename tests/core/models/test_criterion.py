"""Frames whose annotation is not exhaustive: unmatched queries are left alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData

from clipvis_core.models.criterion import FrameTarget
from clipvis_core.models.image_model import CLIPVISImage
from clipvis_core.models.query_decoder import QueryPrediction

QUERIES = 6


@pytest.fixture(scope="module")
def criterion(repo_root):
    config = Config.fromfile(repo_root / "configs/_base_/models/clipvis.py").model.criterion
    config.num_points = 128
    return MODELS.build(config)


def target(exhaustive=True, objects=2):
    masks = torch.zeros(objects, 32, 32, dtype=torch.bool)
    for i in range(objects):
        masks[i, 12 * i : 12 * i + 10, 4:20] = True
    return FrameTarget(masks, torch.zeros(objects, dtype=torch.long), exhaustive)


def predictions(frames=2, layers=2):
    torch.manual_seed(3)
    return [
        QueryPrediction(
            object_logits=torch.randn(frames, QUERIES, 2, requires_grad=True),
            ious=torch.rand(frames, QUERIES),
            mask_logits=torch.randn(frames, QUERIES, 8, 8),
            embeddings=torch.empty(0),
        )
        for _ in range(layers)
    ]


def losses(criterion, targets):
    torch.manual_seed(7)  # the points
    layers = predictions(len(targets))
    return layers, criterion(layers, targets)


def object_gradients(criterion, targets):
    layers, found = losses(criterion, targets)
    sum(found.values()).backward()
    return layers, [layer.object_logits.grad for layer in layers]


def test_unmatched_queries_of_such_a_frame_have_no_gradient(criterion):
    targets = [target(), target(exhaustive=False)]
    layers, gradients = object_gradients(criterion, targets)
    for layer, gradient in zip(layers, gradients, strict=True):
        torch.manual_seed(7)
        moved = gradient.abs().sum(dim=-1) > 0
        assert moved[0].all()
        assert moved[1].sum() == 2
        assert layer.object_logits.shape == gradient.shape


def test_it_changes_the_objectness_alone(criterion):
    _, plain = losses(criterion, [target(), target()])
    _, partial = losses(criterion, [target(), target(exhaustive=False)])
    for name, value in plain.items():
        assert torch.equal(value, partial[name]) != name.endswith("loss_object"), name


def test_the_loss_is_the_mean_over_what_counts(criterion):
    """Queries left out weigh nothing in the mean either: it is the loss of the exhaustive frame alone."""
    torch.manual_seed(0)
    logits = torch.randn(2, QUERIES, 2)
    none = torch.empty(0, dtype=torch.long)
    both = criterion._object_loss(logits, none, none, [True, False])
    alone = criterion._object_loss(logits[:1], none, none, [True])
    assert both.item() == pytest.approx(alone.item())


def test_a_batch_in_which_nothing_counts_has_no_loss(criterion):
    _, found = losses(criterion, [target(exhaustive=False, objects=0)])
    assert all(value.item() == 0 for value in found.values())


@pytest.mark.parametrize("metainfo", [{}, {"exhaustive": True}, {"exhaustive": False}])
def test_the_image_model_hands_it_over(metainfo):
    model = SimpleNamespace(compute_losses=lambda _images, targets: targets)
    masks = BitmapMasks(target().masks.numpy().astype(np.uint8), 32, 32)
    sample = DetDataSample(metainfo=metainfo, gt_instances=InstanceData(masks=masks))
    (found,) = CLIPVISImage.loss(model, torch.zeros(1, 3, 32, 32), [sample])
    assert found.exhaustive is metainfo.get("exhaustive", True)
    assert torch.equal(found.masks, target().masks)
    assert found.labels.tolist() == [0, 0]
