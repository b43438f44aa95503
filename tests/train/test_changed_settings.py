"""A resumed run says what its config has otherwise than the checkpoint's, and which of the two holds."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from small_runs import small_config

from clipvis_train.changed_settings import describe_changes, settings


@pytest.fixture(scope="module")
def before(repo_root, tmp_path_factory) -> Config:
    return small_config(repo_root, "photos", tmp_path_factory.mktemp("data"))


def warnings_of(before: Config, now: Config) -> list[str]:
    return describe_changes(before.pretty_text, now.pretty_text)


@pytest.mark.parametrize(
    ("key", "value", "old", "kept"),
    [
        ("optim_wrapper.optimizer.lr", 0.5, "0.001", True),
        ("optim_wrapper.optimizer.weight_decay", 0.5, "0.05", True),
        ("param_scheduler.1.milestones", [5, 7], "[6, 8]", True),
        ("optim_wrapper.clip_grad.max_norm", 3.0, "0.01", False),
        ("train_dataloader.batch_size", 4, "2", False),
        ("train_dataloader.dataset.ann_file", "more.json", "'photos.json'", False),
        ("train_dataloader.dataset.pipeline.1.size", (96, 96), "(64, 64)", False),
        ("train_cfg.max_iters", 20, "9", False),
    ],
)
def test_what_changed_is_named_old_and_new(before, key, value, old, kept):
    now = before.copy()
    now.merge_from_dict({key: value})
    (line,) = warnings_of(before, now)
    assert f"{key} = {value!r}" in line
    assert old in line
    assert ("goes on with those of the checkpoint" in line) == kept
    assert ("those of the config hold" in line) != kept
    assert len(line) <= 300


def test_the_same_config_and_what_changes_no_number(before):
    now = before.copy()
    now.merge_from_dict({"train_dataloader.num_workers": 7, "work_dir": "elsewhere", "log_level": "DEBUG"})
    assert warnings_of(before, before) == warnings_of(before, now) == []


def test_many_changes_are_counted(before):
    now = before.copy()
    dataset = {"ann_file": "a.json", "data_root": "b", "vocabulary": "lvis_v1", "leave_out": "seen"}
    now.merge_from_dict({"train_dataloader.batch_size": 3, "train_dataloader.dataset": dataset})
    (line,) = warnings_of(before, now)
    assert " more; " in line
    assert len(line) <= 300


@pytest.mark.parametrize("text", [None, "", "a = (", "import os", "a = [" * 9000, "x = open('y')", "a = {**b}", "\0"])
def test_a_config_in_a_checkpoint_is_read_and_never_run(text):
    assert describe_changes(text, "optim_wrapper = dict(optimizer=dict(lr=1))") == [] or "x" in settings(text)
