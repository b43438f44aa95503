"""A resumed run sees the samples of an undisturbed one: with a real runner and workers."""

from __future__ import annotations

import uuid

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS
from mmengine.runner import Runner, load_checkpoint

import clipvis_train.sampler_state_hook as hook_module
from clipvis_core.foundation.errors import InputError
from clipvis_data.samplers import EndlessSampler


class Numbers(BaseDataset):
    """Records 0 to n - 1 of either orientation; counts what the main process reads."""

    def __init__(self, size: int):
        self.size = size
        super().__init__(ann_file="", serialize_data=False)

    def load_data_list(self):
        return [{"value": i, "width": 4, "height": 3 + 2 * (i % 3 == 0)} for i in range(self.size)]


class Memory(BaseModel):
    """A model that remembers which samples it was trained on."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[list[int]] = []

    def forward(self, value, mode="loss", **kwargs):
        self.seen.append(value.tolist())
        return {"loss": self.weight.sum() * 0}


class StopAt(Hook):
    """Ends a run as a kill would, some iterations after its last checkpoint."""

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, batch_idx, **kwargs):
        if batch_idx + 1 == self.iteration:
            raise KeyboardInterrupt


def collate(items):
    return {"value": torch.tensor([item["value"] for item in items])}


@pytest.fixture(autouse=True)
def registered():
    DATASETS.register_module(module=Numbers, force=True)
    yield
    DATASETS.module_dict.pop("Numbers")


def make_runner(folder, *, grouped, workers=0, batch_size=3, size=20, seed=7, stop=None, **kwargs):
    loader = {
        "dataset": {"type": "Numbers", "size": size},
        "sampler": {"type": "mmdet.EndlessSampler"},
        "num_workers": workers,
        "batch_size": batch_size,
        "persistent_workers": workers > 0,
        "collate_fn": collate,
    }
    if grouped:
        loader["batch_sampler"] = {"type": "mmdet.AspectRatioBatches"}
    return Runner(
        model=Memory(),
        work_dir=str(folder),
        train_dataloader=loader,
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        train_cfg={"by_epoch": False, "max_iters": 12, "val_interval": 100},
        default_hooks={"checkpoint": {"type": "CheckpointHook", "by_epoch": False, "interval": 5}},
        custom_hooks=[{"type": "mmdet.SamplerStateHook"}, *([StopAt(stop)] if stop else [])],
        randomness={"seed": seed},
        experiment_name=uuid.uuid4().hex,
        log_level="ERROR",
        **kwargs,
    )


def samples_of(runner):
    runner.train()
    release(runner)
    return runner.model.seen


def release(runner):
    """Ends the workers now; left to the garbage collector they are waited for."""
    iterator = runner.train_dataloader._iterator
    if iterator is not None:
        iterator._shutdown_workers()


@pytest.mark.parametrize("grouped", [False, True])
def test_resumed_run_sees_the_samples_of_an_undisturbed_one(tmp_path, grouped):
    options = {"grouped": grouped, "workers": 2}
    undisturbed = samples_of(make_runner(tmp_path / "a", **options))
    killed = make_runner(tmp_path / "b", stop=8, **options)
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    release(killed)
    assert killed.model.seen == undisturbed[:8]
    # Another seed on the second start: the checkpoint's wins.
    resumed = make_runner(tmp_path / "b", seed=99, resume=True, **options)
    assert samples_of(resumed) == undisturbed[5:]


def test_skipped_samples_are_not_read(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        make_runner(tmp_path, grouped=False, workers=0, stop=11).train()
    read = []
    original = Numbers.__getitem__
    monkeypatch.setattr(Numbers, "__getitem__", lambda s, i: read.append(i) or original(s, i))
    make_runner(tmp_path, grouped=False, workers=0, resume=True).train()
    assert len(read) == 2 * 3


def test_state_is_in_the_checkpoint(tmp_path):
    make_runner(tmp_path, grouped=True).train()
    model = Memory()
    checkpoint = load_checkpoint(model, str(tmp_path / "iter_10.pth"), map_location="cpu")
    expected = {"seed": 7, "length": 20, "batch_size": 3, "world_size": 1, "batches": 10}
    assert checkpoint[hook_module.STATE_KEY] == expected


def test_loading_weights_alone_does_not_move_the_stream(tmp_path):
    first = samples_of(make_runner(tmp_path / "a", grouped=False))
    weights = str(tmp_path / "a" / "iter_10.pth")
    assert samples_of(make_runner(tmp_path / "b", grouped=False, load_from=weights)) == first


def test_another_batch_size_goes_on_from_the_same_place(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make_runner(tmp_path, grouped=False, batch_size=4, stop=6).train()
    resumed = make_runner(tmp_path, grouped=False, batch_size=2, resume=True)
    stream = iter(EndlessSampler(range(20), seed=7))
    consumed = [next(stream) for _ in range(5 * 4)]
    del consumed
    assert samples_of(resumed)[0] == [next(stream), next(stream)]


def test_another_training_set_starts_over(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make_runner(tmp_path, grouped=False, stop=6).train()
    resumed = make_runner(tmp_path, grouped=False, size=30, resume=True)
    stream = iter(EndlessSampler(range(30), seed=7))
    assert samples_of(resumed)[0] == [next(stream) for _ in range(3)]


def test_other_samplers_are_refused_before_the_first_iteration(tmp_path):
    runner = make_runner(tmp_path, grouped=False)
    runner._train_dataloader["sampler"] = {"type": "DefaultSampler", "shuffle": True}
    with pytest.raises(InputError, match="DefaultSampler cannot be resumed"):
        runner.train()
    assert runner.iter == 0
