"""Checkpoints are written whole, pointed at last, and removed after the next one is safe."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import uuid

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from clipvis_core import InputError
from clipvis_train.hooks import CLIPVISRunner, SafeCheckpointHook


class Toy(BaseModel):
    """Four megabytes of weights and a loss."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1_000_000))

    def forward(self, inputs, mode="loss"):
        return {"loss": self.weight.sum() * 0} if mode == "loss" else [None]


class Score(BaseMetric):
    """Gives scores in turn."""

    def __init__(self, scores):
        super().__init__()
        self.scores = iter(scores)

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {"AP": next(self.scores)}


class DiskFullAt(Hook):
    """Lets no file grow beyond a megabyte any more."""

    priority = "VERY_HIGH"

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, batch_idx, **kwargs):
        if batch_idx + 1 == self.iteration:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))


@pytest.fixture
def file_size_limit():
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def make_runner(folder, *, scores=(), hooks=(), iterations=6, resume=False, **options):
    checkpoint = {"type": "mmdet.SafeCheckpointHook", "interval": 1, **options}
    validation = {}
    if scores:
        validation = {
            "val_dataloader": DataLoader([{"inputs": 0.0}] * 2),
            "val_cfg": {},
            "val_evaluator": [Score(scores)],
        }
    return CLIPVISRunner(
        model=Toy(),
        work_dir=str(folder),
        train_dataloader=DataLoader([{"inputs": 0.0}] * 2),
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        train_cfg={"by_epoch": False, "max_iters": iterations, "val_interval": 2},
        default_hooks={"checkpoint": checkpoint},
        custom_hooks=list(hooks),
        resume=resume,
        experiment_name=uuid.uuid4().hex,
        log_level="ERROR",
        **validation,
    )


def checkpoints(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".pth", ".part"))


@pytest.fixture
def removals(monkeypatch):
    """What was removed, with the files that were there at that moment."""
    seen = []
    original = LocalBackend.remove

    def remove(self, path):
        seen.append((os.path.basename(path), os.listdir(os.path.dirname(path))))
        original(self, path)

    monkeypatch.setattr(LocalBackend, "remove", remove)
    return seen


def test_old_checkpoints_go_after_the_new_one_is_safe(tmp_path, removals):
    make_runner(tmp_path, iterations=4, max_keep_ckpts=1).train()
    assert checkpoints(tmp_path) == ["iter_4.pth"]
    assert (tmp_path / "last_checkpoint").read_text() == str(tmp_path / "iter_4.pth")
    assert [name for name, _ in removals] == ["iter_1.pth", "iter_2.pth", "iter_3.pth"]
    for number, (_, present) in enumerate(removals, start=2):
        assert f"iter_{number}.pth" in present


def test_the_best_one_goes_after_the_better_one_is_safe(tmp_path, removals):
    scores = [0.3, 0.1, 0.6]
    make_runner(tmp_path, scores=scores, save_best="AP", rule="greater", max_keep_ckpts=2).train()
    assert checkpoints(tmp_path) == ["best_AP_iter_6.pth", "iter_5.pth", "iter_6.pth"]
    (present,) = [files for name, files in removals if name == "best_AP_iter_2.pth"]
    assert "best_AP_iter_6.pth" in present
    info = torch.load(tmp_path / "iter_6.pth", weights_only=True)["message_hub"]["runtime_info"]
    assert info["best_score"] == 0.6
    assert info["best_ckpt"] == str(tmp_path / "best_AP_iter_6.pth")


def test_a_resumed_run_goes_on_removing(tmp_path):
    make_runner(tmp_path, iterations=3, max_keep_ckpts=2).train()
    (tmp_path / ".iter_4.pth.abcdefgh.part").write_bytes(b"half")
    make_runner(tmp_path, iterations=5, max_keep_ckpts=2, resume="auto").train()
    assert checkpoints(tmp_path) == ["iter_4.pth", "iter_5.pth"]


def test_a_copied_run_removes_nothing_of_the_original(tmp_path):
    """What is best so far is named by its path; the copy has a file of that name."""
    options = {"save_best": "AP", "rule": "greater", "max_keep_ckpts": 1}
    original, copy = tmp_path / "original", tmp_path / "copy"
    make_runner(original, scores=[0.3], iterations=2, **options).train()
    before = checkpoints(original)
    assert before == ["best_AP_iter_2.pth", "iter_2.pth"]
    shutil.copytree(original, copy)
    make_runner(copy, scores=[0.6], iterations=4, resume="auto", **options).train()
    assert checkpoints(original) == before
    assert checkpoints(copy) == ["best_AP_iter_4.pth", "iter_4.pth"]


def test_a_full_disk_is_one_line_and_keeps_what_was_whole(tmp_path, file_size_limit):
    runner = make_runner(tmp_path, max_keep_ckpts=1, hooks=[DiskFullAt(3)])
    with pytest.raises(InputError, match=r"cannot write .*iter_3\.pth: .*; the files before") as error:
        runner.train()
    assert "\n" not in str(error.value)
    assert checkpoints(tmp_path) == ["iter_2.pth"]
    assert (tmp_path / "last_checkpoint").read_text() == str(tmp_path / "iter_2.pth")
    assert torch.load(tmp_path / "iter_2.pth", weights_only=True)["meta"]["iter"] == 2


def test_a_disk_that_is_full_only_when_synced(tmp_path, monkeypatch):
    make_runner(tmp_path, iterations=1).train()

    def fsync(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(InputError, match=r"iter_1\.pth: No space left on device"):
        make_runner(tmp_path, iterations=1).train()
    assert checkpoints(tmp_path) == ["iter_1.pth"]


def test_epochs_are_refused():
    with pytest.raises(ValueError, match="by_epoch must be False"):
        SafeCheckpointHook(by_epoch=True)
