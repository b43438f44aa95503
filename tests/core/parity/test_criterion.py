"""Matching, losses and gradients against the published criterion."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, TrackDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData

from clipvis_core.checkpoints import to_official
from clipvis_core.models.criterion import FrameTarget, PointSampler
from clipvis_core.models.query_decoder import QueryPrediction
from clipvis_core.models.video_model import clip_targets

CASES = [
    "I1_normal",
    "I2_one_empty",
    "I3_all_empty",
    "I4_crowd_more_gt_than_queries",
    "V1_two_videos_one_frame",
    "V2_absent_in_some_frames",
    "V3_absent_everywhere_is_dropped",
    "V4_zero_instances_frame",
    "V5_crowd",
    "V6_single_frame_absent_dropped",
]
SEEDS = {"seeded": (5, 256), "seeded_12544": (6, 12544)}
WEIGHTS = {"object": 2.0, "mask": 5.0, "dice": 5.0, "iou": 2.0}


class StoredPoints(PointSampler):
    """Points from a file in place of drawn ones."""

    def __init__(self, arrays: dict) -> None:
        self.matching = torch.from_numpy(arrays["matcher_points"])
        self.losses = torch.from_numpy(arrays["loss_points"])

    def uniform(self, device):
        return self.matching

    def uncertain(self, mask_logits):
        return self.losses[: len(mask_logits)]


def our_name(published: str) -> str:
    """`loss_object_ce_3` -> `d3.loss_object`."""
    kind, depth = re.fullmatch(r"loss_(object|mask|dice|iou)(?:_ce)?(?:_(\d+))?", published).groups()
    return f"loss_{kind}" if depth is None else f"d{depth}.loss_{kind}"


@pytest.fixture(scope="module")
def criterion_config(repo_root):
    return Config.fromfile(repo_root / "configs/_base_/models/clipvis.py").model.criterion


def read_predictions(arrays: dict) -> list[QueryPrediction]:
    def prediction(prefix: str) -> QueryPrediction:
        tensors = [torch.from_numpy(arrays[f"{prefix}pred_{name}"]) for name in ("object_logits", "ious", "masks")]
        return QueryPrediction(tensors[0], tensors[1][..., 0], tensors[2], embeddings=torch.empty(0))

    return [prediction(prefix) for prefix in ("aux0_", "aux1_", "aux2_", "")]


def read_targets(arrays: dict, golden: dict, batch: int) -> list[FrameTarget]:
    if "gt_ids" not in golden:
        masks = [torch.from_numpy(arrays[f"gt_masks_{index}"]) for index in range(batch)]
        return [FrameTarget(mask, torch.zeros(len(mask), dtype=torch.long)) for mask in masks]
    targets = []
    for video, ids in enumerate(golden["gt_ids"]):
        sample = TrackDataSample()
        sample.video_data_samples = [
            frame_sample(arrays[f"gt_masks_v{video}_f{frame}"], frame_ids) for frame, frame_ids in enumerate(ids)
        ]
        targets += clip_targets(sample, torch.device("cpu"))
    return targets


def frame_sample(masks: np.ndarray, ids: list[int]) -> DetDataSample:
    instances = InstanceData(
        masks=BitmapMasks(masks.astype(np.uint8), *masks.shape[-2:]), instances_ids=torch.tensor(ids, dtype=torch.long)
    )
    return DetDataSample(gt_instances=instances)


@pytest.mark.parametrize("mode", ["seeded", "seeded_12544", "fixed_points"])
@pytest.mark.parametrize("case", CASES)
def test_losses_and_matches(reference, criterion_config, case, mode, monkeypatch):
    golden = reference.json("loss_goldens")[case]
    arrays = reference.arrays(f"loss_{case}")
    predictions = read_predictions(arrays)
    targets = read_targets(arrays, golden, batch=len(predictions[0].object_logits))
    if "per_frame_labels" in golden:
        assert [target.labels.tolist() for target in targets] == golden["per_frame_labels"]

    criterion = MODELS.build(criterion_config)
    if mode == "fixed_points":
        criterion.points = StoredPoints(reference.arrays("loss_points"))
    else:
        seed, criterion.points.num_points = SEEDS[mode]
        torch.manual_seed(seed)
    matches = []
    original = criterion.match

    def recording(*args):
        matches.append(original(*args))
        return matches[-1]

    monkeypatch.setattr(criterion, "match", recording)
    losses = criterion(predictions, targets)

    found = [[[queries.tolist(), instances.tolist()] for queries, instances in call] for call in matches]
    assert found == golden[mode]["indices"]
    for name, value in golden[mode]["losses"].items():
        ours = losses[our_name(name)].item() / WEIGHTS[our_name(name).rsplit("_", 1)[1]]
        assert ours == pytest.approx(value, rel=1e-5, abs=1e-9), name
    assert len(losses) == len(golden[mode]["losses"])


@pytest.mark.parametrize("name", ["rn50_dec10", "rn50_dec7", "convnextb_dec10", "rn50_img_dec7"])
def test_gradients(reference, name):
    golden = reference.json("grad_goldens")[name]
    arrays = reference.arrays("grad_input")
    mode = "image" if "_img_" in name else "video"
    model = reference.model(mode, name.split("_")[0], int(name.rsplit("dec", 1)[1]))
    drawn, model.criterion.points = model.criterion.points, StoredPoints(arrays)
    model.train()
    try:
        frames = torch.from_numpy(arrays["frames"]).permute(0, 3, 1, 2).float()
        mean, std = (getattr(model.data_preprocessor, part).view(1, 3, 1, 1) for part in ("mean", "std"))
        losses = model.compute_losses((frames - mean) / std, gradient_targets(arrays, mode))
        for published, value in golden["weighted_losses"].items():
            assert losses[our_name(published)].item() == pytest.approx(value, rel=1e-4), published
        total = sum(losses.values())
        assert total.item() == pytest.approx(golden["total_weighted_loss"], rel=1e-5)
        total.backward()
        assert all(parameter.grad is None for parameter in model.backbone.parameters())
        gradients = to_official(
            {key: parameter.grad for key, parameter in model.named_parameters() if parameter.grad is not None}
        )
        for key, norm in golden["grad_norm"].items():
            assert gradients[key].norm().item() == pytest.approx(norm, rel=0.01), key
        if name == "rn50_dec10":
            for key, values in reference.arrays("grad_values_rn50_dec10").items():
                np.testing.assert_allclose(gradients[key].numpy(), values, atol=0.01 * np.abs(values).max(), rtol=0)
    finally:
        model.zero_grad(set_to_none=True)
        model.eval()
        model.criterion.points = drawn


def gradient_targets(arrays: dict, mode: str) -> list[FrameTarget]:
    """Two frames with three instances; in the second one the middle instance is emptied, and gone for videos."""
    masks = torch.from_numpy(arrays["gt_masks"]).bool()
    masks[1, 1] = False
    kept = [[0, 1, 2], [0, 1, 2] if mode == "image" else [0, 2]]
    return [
        FrameTarget(frame[slots], torch.zeros(len(slots), dtype=torch.long))
        for frame, slots in zip(masks, kept, strict=True)
    ]
