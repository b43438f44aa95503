"""Which samples are drawn, what of them, and where the pictures go."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core import InputError, Vocabulary
from clipvis_train.hooks import PredictionVisualizationHook
from clipvis_train.tensorboard import add_tensorboard, check_tensorboard

SIZE = (48, 64)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photos" / "grey.png"
    path.parent.mkdir()
    Image.fromarray(np.full((*SIZE, 3), 128, np.uint8)).save(path)
    return str(path)


def image_sample(path, scores):
    """An image with a box to the left and one to the right, the second found under two names."""
    masks = torch.zeros(3, *SIZE, dtype=torch.bool)
    masks[0, 10:40, 5:25] = True
    masks[1:, 10:40, 40:60] = True
    sample = DetDataSample(metainfo={"img_path": path, "ori_shape": SIZE})
    sample.pred_instances = InstanceData(
        scores=torch.tensor(scores), labels=torch.tensor([0, 1, 0]),
        masks=masks, queries=torch.tensor([4, 7, 7]),
    )  # fmt: skip
    return sample


def clip_sample(path, length=4):
    mask = np.zeros(SIZE, np.uint8, order="F")
    mask[10:40, 5:25] = 1
    frames = [DetDataSample(metainfo={"img_path": path, "ori_shape": SIZE, "video_id": 1}) for _ in range(length)]
    sample = TrackDataSample()
    sample.video_data_samples = frames
    sample.pred_tracks = InstanceData(
        scores=torch.tensor([0.9]), labels=torch.tensor([1]), queries=torch.tensor([2]),
        segmentations=[[coco_mask.encode(mask), *[None] * (length - 1)]],
    )  # fmt: skip
    return sample


def drawn_columns(picture):
    """Where, in the row through the middle of the boxes, a picture is no longer grey."""
    return set(np.flatnonzero(np.abs(picture[25].astype(int) - 128).max(axis=-1) > 20))


VOCABULARY = Vocabulary.from_categories([("dog",), ("cat",)])


def test_predictions_above_the_threshold_are_drawn(picture):
    hook = PredictionVisualizationHook(score_thr=0.5)
    ((name, both),) = hook.pictures(image_sample(picture, [0.9, 0.8, 0.7]), VOCABULARY)
    ((_, left),) = hook.pictures(image_sample(picture, [0.9, 0.4, 0.3]), VOCABULARY)
    ((_, best),) = PredictionVisualizationHook(max_objects=1).pictures(
        image_sample(picture, [0.9, 0.8, 0.7]), VOCABULARY
    )
    assert name == "grey"
    assert {10, 50} <= drawn_columns(both)
    assert 10 in drawn_columns(left)
    assert 50 not in drawn_columns(left)
    assert np.array_equal(best, left)


def test_frames_of_a_clip_are_spread_and_show_their_own_masks(picture):
    hook = PredictionVisualizationHook(frames_per_clip=2)
    pictures = list(hook.pictures(clip_sample(picture), VOCABULARY))
    assert [name for name, _ in pictures] == ["photos_grey"] * 2
    assert 15 in drawn_columns(pictures[0][1])
    assert not drawn_columns(pictures[1][1])


def runner_for(tmp_path, batches, backends=({"type": "LocalVisBackend"},)):
    return SimpleNamespace(
        val_dataloader=[None] * batches,
        iter=30,
        work_dir=str(tmp_path),
        model=SimpleNamespace(vocabulary=VOCABULARY),
        cfg=Config({"visualizer": {"vis_backends": [dict(backend) for backend in backends]}}),
        visualizer=Visualizer(vis_backends=list(backends), save_dir=str(tmp_path / "log")),
    )


def test_the_same_samples_are_drawn_each_time(picture, tmp_path):
    runner = runner_for(tmp_path, batches=5)
    hook = PredictionVisualizationHook(num_samples=2)
    for _ in range(2):
        for index in range(5):
            hook.after_val_iter(runner, index, None, [image_sample(picture, [0.9, 0.8, 0.7])])
    files = sorted(path.name for path in (tmp_path / "vis/iter_30").iterdir())
    assert files == ["00000_grey.jpg", "00002_grey.jpg"]
    with Image.open(tmp_path / "vis/iter_30" / files[0]) as image:
        assert image.size == (64, 48)


def test_a_picture_that_cannot_be_written_leaves_none(picture, tmp_path, monkeypatch):
    def full(self, file, **kwargs):
        file.write(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        PredictionVisualizationHook().after_val_iter(
            runner_for(tmp_path, 1), 0, None, [image_sample(picture, [0.9, 0.8, 0.7])]
        )
    assert list((tmp_path / "vis/iter_30").iterdir()) == []


def test_tensorboard_gets_the_pictures_too(picture, tmp_path):
    pytest.importorskip("tensorboard", reason="an optional dependency")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = Config({"visualizer": {"vis_backends": [{"type": "LocalVisBackend"}]}})
    add_tensorboard(config)
    check_tensorboard(config)
    runner = runner_for(tmp_path, 1, config.visualizer.vis_backends)
    runner.visualizer.add_scalars({"loss_mask": 2.5}, step=30)
    sample = image_sample(picture, [0.9, 0.8, 0.7])
    PredictionVisualizationHook().after_val_iter(runner, 0, None, [sample])
    runner.visualizer.close()
    events = EventAccumulator(str(tmp_path / "log/vis_data"))
    events.Reload()
    assert events.Scalars("loss_mask")[0].value == 2.5
    assert events.Images("val/00000_grey")[0].step == 30


def test_tensorboard_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    config = Config({})
    check_tensorboard(config)
    add_tensorboard(config)
    add_tensorboard(config)
    kinds = [backend["type"] for backend in config.visualizer.vis_backends]
    assert kinds == ["LocalVisBackend", "TensorboardVisBackend"]
    with pytest.raises(InputError, match=r"pip install 'clipvis-train\[tensorboard\]'"):
        check_tensorboard(config)
