"""A loss that is no number ends the run, with its name, before it reaches the weights."""

from __future__ import annotations

import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.hooks import Hook
from small_runs import build_runner, release, small_config

from clipvis_core import InputError
from clipvis_train.finite_loss_hook import image_names

pytestmark = pytest.mark.usefixtures("run_conditions")


class SpoilLossAt(Hook):
    """Makes one loss of an iteration what it should not be."""

    def __init__(self, iteration, value):
        self.iteration = iteration
        self.value = value

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx + 1 != self.iteration:
            return
        original = runner.model.compute_losses

        def spoilt(images, targets):
            losses = original(images, targets)
            return losses | {"loss_dice": losses["loss_dice"] * self.value}

        runner.model.compute_losses = spoilt


@pytest.mark.parametrize(
    ("kind", "value", "shown"), [("photos", "nan", "loss_dice=nan"), ("clips", "inf", "loss_dice=inf")]
)
def test_the_run_stops_before_the_step(repo_root, data_root, tmp_path, kind, value, shown):
    config = small_config(
        repo_root, kind, data_root,
        default_hooks__checkpoint__interval=1, train_dataloader__num_workers=1,
    )  # fmt: skip
    runner = build_runner(config, tmp_path, SpoilLossAt(2, float(value)))
    with pytest.raises(InputError) as caught:
        runner.train()
    release(runner)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("iteration 2: a loss is not finite (")
    assert shown in message
    folder = {"photos": "images", "clips": "JPEGImages"}[kind]
    assert message.count(str(data_root / folder)) == 2, "one picture for each sample of the batch"
    saved = torch.load(tmp_path / "iter_1.pth", weights_only=True)["state_dict"]
    assert all(torch.equal(saved[name], value) for name, value in runner.model.state_dict().items())
    assert not (tmp_path / "iter_2.pth").exists()


def test_names_of_images():
    photo = DetDataSample(metainfo={"img_path": "a.jpg", "img_id": 1})
    unnamed = DetDataSample(metainfo={"img_id": 7})
    clip = TrackDataSample()
    clip.video_data_samples = [DetDataSample(metainfo={"img_path": f"v/{t}.jpg"}) for t in (3, 5)]
    assert image_names({"data_samples": [photo, unnamed]}) == ["a.jpg", "7"]
    assert image_names({"data_samples": [clip]}) == ["v/3.jpg", "v/5.jpg"]
    assert image_names({"inputs": []}) == image_names([photo]) == []
