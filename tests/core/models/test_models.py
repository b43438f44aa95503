"""The models as mmdet components."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, TrackDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData
from pycocotools import mask as coco_mask

from clipvis_core import InputError
from clipvis_core.models import CLIPVISImage, CLIPVISVideo
from clipvis_core.models.visual_towers import build_tower
from clipvis_core.tracking import MaskSizes

SIZES = MaskSizes((64, 96), (60, 90), (45, 70))

RELEASED = sorted(
    f"{mode}/clipvis_{backbone}_{data}.py"
    for backbone in ("r50", "convnext-b")
    for mode, data in (("image", "lvis"), ("image", "coco"), ("video", "lvis"), ("video", "ytvis2019"))
)
LAYERS = {"lvis": 6, "coco": 9, "ytvis2019": 9}
PARAMETERS = {("r50", 6): 118029348, ("r50", 9): 122765604, ("convnext-b", 6): 194916036, ("convnext-b", 9): 199652292}


@pytest.mark.parametrize("name", RELEASED)
def test_released_configs_build(repo_root, name):
    config = Config.fromfile(repo_root / "configs" / name)
    _, backbone, data = name.removesuffix(".py").split("_")
    model = MODELS.build(config.model)
    assert type(model) is (CLIPVISVideo if name.startswith("video") else CLIPVISImage)
    assert model.head.num_layers == LAYERS[data]
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[backbone, LAYERS[data]]
    assert not any("vocabulary" in key for key in config.model)


def test_every_config_runs_a_released_model(repo_root):
    released = [Config.fromfile(repo_root / "configs" / name).model for name in RELEASED]
    others = [path for mode in ("image", "video") for path in sorted((repo_root / "configs" / mode).glob("*.py"))]
    others.remove(repo_root / "configs/video/photo_mini_own.py")  # of the model that is shipped
    assert len(others) >= 24
    for path in others:
        assert Config.fromfile(path).model in released, path


def test_clip_never_trains(video_model):
    before = {name: buffer.clone() for name, buffer in video_model.backbone.named_buffers()}
    video_model.train()
    try:
        assert video_model.training
        assert not any(module.training for module in video_model.backbone.modules())
        assert not any(parameter.requires_grad for parameter in video_model.backbone.parameters())
        features = video_model.backbone(torch.randn(1, 3, 64, 64))
        assert not features.dense.requires_grad
    finally:
        video_model.eval()
    for name, buffer in video_model.backbone.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_building_downloads_nothing(repo_root, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("building a model must not touch the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    MODELS.build(Config.fromfile(repo_root / "configs/video/clipvis_r50_lvis.py").model)


def test_clip_weights_come_from_a_file_when_asked(video_model, monkeypatch, tmp_path):
    backbone = video_model.backbone
    before = {name: tensor.clone() for name, tensor in backbone.clip.state_dict().items()}
    torch.save({**before, "logit_scale": torch.tensor(1.5)}, tmp_path / "clip.pt")
    monkeypatch.setattr(backbone, "pretrained", str(tmp_path / "clip.pt"))
    try:
        backbone.init_weights()
        assert backbone.clip.logit_scale.item() == 1.5
        assert not any(parameter.requires_grad for parameter in backbone.parameters())
    finally:
        backbone.clip.load_state_dict(before)


def test_missing_clip_weights_are_named(video_model, monkeypatch):
    monkeypatch.setattr(video_model.backbone, "pretrained", "/no/such/clip.pt")
    with pytest.raises(InputError, match=r"/no/such/clip\.pt not found"):
        video_model.backbone.init_weights()


def test_unknown_tower():
    with pytest.raises(TypeError, match="Linear"):
        build_tower(torch.nn.Linear(2, 2))


@torch.no_grad()
def test_windows_do_not_change_results(video_model, clip):
    results = []
    for window in (1, 3, 5):
        tracker = video_model.tracker(SIZES)
        for _ in video_model.track(clip.split(window), tracker):
            pass
        results.append((tracker.permutations, tracker.scores.scores()))
    for permutations, scores in results[1:]:
        np.testing.assert_array_equal(permutations, results[0][0])
        torch.testing.assert_close(scores, results[0][1], atol=1e-4, rtol=0)


def test_default_window_is_small_on_a_cpu(repo_root):
    assert MODELS.build(Config.fromfile(repo_root / "configs/video/clipvis_r50_lvis.py").model).window == 1


def video_sample(num_frames: int) -> TrackDataSample:
    sample = TrackDataSample()
    meta = {"img_shape": (60, 90), "ori_shape": (45, 70)}
    sample.video_data_samples = [DetDataSample(metainfo=meta) for _ in range(num_frames)]
    return sample


def test_video_predict(video_model, clip):
    (sample,) = video_model(clip.unsqueeze(0), [video_sample(5)], mode="predict")
    tracks = sample.pred_tracks
    assert len(tracks.scores) == min(video_model.topk, 20 * 3)
    assert tracks.labels.max() < 3
    shared: dict[tuple[int, int], dict] = {}
    for query, segments in zip(tracks.queries.tolist(), tracks.segmentations, strict=True):
        assert len(segments) == 5
        for t, segment in enumerate(segments):
            if segment is None:
                continue
            assert segment["size"] == [45, 70]
            assert coco_mask.area(segment) > 0
            assert shared.setdefault((query, t), segment) == segment
    assert shared


class LoadedLate:
    """Frames that come one at a time; `loaded` tells which."""

    def __init__(self, frames: torch.Tensor) -> None:
        self.frames = frames
        self.loaded: list[int] = []

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> torch.Tensor:
        self.loaded.append(index)
        return self.frames[index]


def test_test_step_takes_frames_that_are_not_loaded_yet(video_model):
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (5, 3, 60, 90), generator=generator).byte()
    late = LoadedLate(frames)
    results = []
    for inputs in (frames, late):
        data = {"inputs": [inputs], "data_samples": [video_sample(5)]}
        (sample,) = video_model.test_step(data)
        results.append(sample.pred_tracks)
    assert late.loaded == [0, 1, 2, 3, 4]
    assert torch.equal(results[0].scores, results[1].scores)
    assert results[0].segmentations == results[1].segmentations
    assert len(results[0].segmentations[0]) == 5


@torch.no_grad()
def test_a_video_without_any_mask(video_model, clip, monkeypatch):
    """Nothing is positive in any frame: null masks, finite scores."""
    original = video_model.segment

    def empty(images):
        prediction, dense = original(images)
        return replace(prediction, mask_logits=-prediction.mask_logits.abs() - 1), dense

    monkeypatch.setattr(video_model, "segment", empty)
    (sample,) = video_model(clip.unsqueeze(0), [video_sample(5)], mode="predict")
    assert sample.pred_tracks.scores.eq(0).all()
    assert all(segment is None for segments in sample.pred_tracks.segmentations for segment in segments)


def test_frames_of_two_sizes_are_refused(video_model, clip):
    with pytest.raises(ValueError, match="padded size"):
        list(video_model.track([clip[:1], clip[:1, :, :32]], video_model.tracker(SIZES)))


def test_the_padded_size_is_known_before_the_first_frame(video_model):
    for size in ((60, 90), (64, 96), (1, 33)):
        frames = torch.zeros((1, 3, *size), dtype=torch.uint8)
        assert video_model.padded_size(size) == tuple(video_model.prepare(frames).shape[-2:])


def test_image_predict(image_model, clip):
    samples = [DetDataSample(metainfo={"img_shape": (60, 90), "ori_shape": (30, 45)}) for _ in range(2)]
    for sample in image_model(clip[:2], samples, mode="predict"):
        found = sample.pred_instances
        assert found.masks.shape == (60, 30, 45)
        assert found.masks.dtype == torch.bool
        assert (found.scores[:-1] >= found.scores[1:]).all()
        for mask, box in zip(found.masks, found.bboxes, strict=True):
            rows, columns = np.nonzero(mask.numpy())
            expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0] * 4
            assert box.tolist() == expected


def instances(ids: list[int]) -> InstanceData:
    masks = np.zeros((len(ids), 64, 96), np.uint8)
    for slot, identity in enumerate(ids):
        if identity != -1:
            masks[slot, 5 * slot : 5 * slot + 20, 10:40] = 1
    return InstanceData(
        masks=BitmapMasks(masks, 64, 96),
        labels=torch.zeros(len(ids), dtype=torch.long),
        instances_ids=torch.tensor(ids, dtype=torch.long),
    )


@pytest.mark.parametrize("ids", [[[1, 2], [1, -1]], [[], []], [[-1], [-1]]])
def test_video_loss_reaches_every_trainable_parameter(video_model, clip, ids):
    sample = TrackDataSample()
    sample.video_data_samples = [DetDataSample(gt_instances=instances(frame)) for frame in ids]
    video_model.train()
    try:
        losses = video_model(clip[:2].unsqueeze(0), [sample], mode="loss")
        assert len(losses) == 4 * (video_model.head.num_layers + 1)
        assert all(loss.isfinite() for loss in losses.values())
        sum(losses.values()).backward()
        missing = [n for n, p in video_model.named_parameters() if p.requires_grad and p.grad is None]
        assert missing == []
    finally:
        video_model.zero_grad(set_to_none=True)
        video_model.eval()


def test_image_and_video_losses_are_one(image_model, video_model, clip):
    truth = instances([1, 2])
    torch.manual_seed(0)
    image_losses = image_model(clip[:1], [DetDataSample(gt_instances=truth)], mode="loss")
    sample = TrackDataSample()
    sample.video_data_samples = [DetDataSample(gt_instances=truth)]
    torch.manual_seed(0)
    video_losses = video_model(clip[:1].unsqueeze(0), [sample], mode="loss")
    assert {name: loss.item() for name, loss in image_losses.items()} == {
        name: loss.item() for name, loss in video_losses.items()
    }


def test_a_model_without_words_says_so(repo_root, video_model, clip):
    vocabulary, video_model._vocabulary, video_model._embedding = (video_model._vocabulary, None, None)
    try:
        with pytest.raises(InputError, match="set_vocabulary"):
            video_model(clip.unsqueeze(0), [video_sample(5)], mode="predict")
    finally:
        video_model.set_vocabulary(vocabulary)


@pytest.mark.parametrize(("frames", "remedy"), [(5, "--window 2 (in a config: model.window=2)"), (1, "--short-side")])
def test_too_little_memory_is_one_line_with_a_remedy(video_model, clip, monkeypatch, frames, remedy):
    def full(_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    tracker = video_model.tracker(MaskSizes((64, 96), (64, 96), (64, 96)))
    with monkeypatch.context() as patch:
        patch.setattr(video_model, "extract_feat", full)
        with pytest.raises(InputError) as raised:
            list(video_model.track([clip[:frames]], tracker))
    monkeypatch.setattr(video_model.data_preprocessor, "forward", lambda *_: full(_))
    with pytest.raises(InputError) as at_once:
        video_model.prepare(clip[:frames].byte())
    assert str(raised.value) == str(at_once.value)
    assert remedy in str(raised.value)
    assert "64x96" in str(raised.value)


def test_a_window_ahead_changes_no_track(video_model, clip, monkeypatch):
    """As on a GPU, where the network has the next window before this one's tracks are asked for."""
    order = []

    def frames_of(overlaps: bool) -> list[tuple]:
        order.clear()
        monkeypatch.setattr(type(video_model), "_overlaps", staticmethod(lambda _: overlaps))
        tracker = video_model.tracker(SIZES)
        windows = (order.append(f"window {number}") or part for number, part in enumerate(clip.split(2)))
        found = []
        for tracks in video_model.track(windows, tracker):
            order.append(f"frame {tracks.frame}")
            found.append((tracks.ids.tolist(), tracks.labels.tolist(), tracks.scores.tolist(), tracks.masks()))
        return [*found, tracker.finish().scores.tolist()]

    plain = frames_of(False)
    assert order == ["window 0", "frame 0", "frame 1", "window 1", "frame 2", "frame 3", "window 2", "frame 4"]
    assert frames_of(True) == plain
    assert order == ["window 0", "window 1", "frame 0", "frame 1", "window 2", "frame 2", "frame 3", "frame 4"]


def test_what_breaks_comes_after_the_frames_before_it(video_model, clip, monkeypatch):
    def windows():
        yield clip[:2]
        raise InputError("the video breaks off")

    monkeypatch.setattr(type(video_model), "_overlaps", staticmethod(lambda _: True))
    tracker = video_model.tracker(SIZES)
    with pytest.raises(InputError, match="breaks off"):
        list(video_model.track(windows(), tracker))
    assert len(tracker) == 2
