"""Where a run starts: what is loaded, what is not fetched first, and what is refused."""

from __future__ import annotations

import copy
import uuid

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel, BaseModule
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from clipvis_core import InputError
from clipvis_train.hooks import CLIPVISRunner


class Fetching(BaseModule):
    """An encoder that would fetch its weights."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.fetched = 0

    def init_weights(self):
        self.fetched += 1


class Parts(BaseModel):
    """A model with an encoder."""

    def __init__(self):
        super().__init__()
        self.backbone = Fetching()

    def forward(self, inputs, mode="loss"):
        return {"loss": self.backbone.weight.sum()} if mode == "loss" else []


class MeanAtStart(EMAHook):
    """Keeps what the mean of the weights is begun from."""

    def before_train(self, runner):
        super().before_train(runner)
        self.start = copy.deepcopy(self.ema_model.module.backbone.weight.data)


def train(folder, iterations=1, kind=CLIPVISRunner, **changes) -> Runner:
    options = {
        "model": Parts(),
        "work_dir": str(folder),
        "train_dataloader": DataLoader([{"inputs": 0.0}] * 2),
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.5}},
        "train_cfg": {"by_epoch": False, "max_iters": iterations},
        "default_hooks": {"checkpoint": {"type": "mmdet.SafeCheckpointHook", "interval": 1}},
        "experiment_name": uuid.uuid4().hex,
        "log_level": "ERROR",
    }
    runner = kind(**options | changes)
    runner.train()
    return runner


def weight_of(runner) -> list[float]:
    return runner.model.backbone.weight.tolist()


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "start.pth"
    torch.save({"state_dict": {"backbone.weight": torch.tensor([7.0, 8.0])}}, path)
    return path


def test_a_run_from_nothing_fetches_the_encoders_weights(tmp_path):
    runner = train(tmp_path)
    assert (runner.model.backbone.fetched, weight_of(runner)) == (1, [-0.5, -0.5])


def test_initial_weights_are_loaded_and_nothing_is_fetched(tmp_path, weights):
    mean = MeanAtStart()
    runner = train(tmp_path / "run", load_from=str(weights), custom_hooks=[mean])
    assert (runner.model.backbone.fetched, weight_of(runner)) == (0, [6.5, 7.5])
    assert mean.start.tolist() == [7.0, 8.0]
    runner.load_or_resume()  # as a test after the training does
    assert weight_of(runner) == [6.5, 7.5]


@pytest.mark.parametrize("resume", [True, "auto"])
def test_a_resumed_run_goes_on_and_nothing_is_fetched(tmp_path, weights, resume):
    train(tmp_path, 2)
    given = {"load_from": str(weights)} if resume == "auto" else {}  # for a run that has no checkpoint yet
    runner = train(tmp_path, 3, resume=resume, **given)
    assert (runner.iter, runner.model.backbone.fetched, weight_of(runner)) == (3, 0, [-1.5, -1.5])


def test_a_run_to_be_resumed_that_has_no_checkpoint_starts_from_the_initial_weights(tmp_path, weights):
    runner = train(tmp_path / "run", load_from=str(weights), resume="auto")
    assert (runner.iter, runner.model.backbone.fetched, weight_of(runner)) == (1, 0, [6.5, 7.5])


def test_a_checkpoint_can_be_named(tmp_path, weights):
    train(tmp_path, 3)
    runner = train(tmp_path / "other", 2, load_from=str(tmp_path / "iter_1.pth"), resume=True)
    assert (runner.iter, weight_of(runner)) == (2, [-1.0, -1.0])
    with pytest.raises(InputError, match=r"start\.pth cannot be resumed from"):
        train(tmp_path / "other", 2, load_from=str(weights), resume=True)


def test_weights_of_another_model_are_refused(tmp_path):
    torch.save({"state_dict": {"head.weight": torch.zeros(2)}}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"1 missing: backbone\.weight; 1 unexpected: head\.weight"):
        train(tmp_path / "run", load_from=str(tmp_path / "other.pth"))


@pytest.mark.parametrize("hook", ["InitialWeightsHook", "ResumeHook"])
def test_hooks_that_the_runner_has_replaced(tmp_path, hook):
    older = {"custom_hooks": [{"type": f"mmdet.{hook}"}]}
    assert train(tmp_path / "ours", **older).iter == 1
    with pytest.raises(InputError, match="put runner_type = 'CLIPVISRunner' into the config"):
        train(tmp_path / "mmengines", kind=Runner, **older)
