"""A run that was ended in whatever way and resumed is the run that was never ended, to the last bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from ending_hooks import Crash, CrashAt, EndAt
from mmengine.hooks import Hook
from small_runs import assert_same_state, build_runner, logged_losses, release, small_config

from clipvis_core import InputError

pytestmark = pytest.mark.usefixtures("run_conditions")


class DrawBetween(Hook):
    """Draws random numbers after each iteration, as a validation may."""

    priority = "LOWEST"

    def after_train_iter(self, runner, batch_idx, **kwargs):
        torch.rand(batch_idx + 1)
        np.random.rand(2)
        random.random()


@pytest.fixture(scope="module")
def configs(repo_root, data_root):
    return {
        "photos": small_config(repo_root, "photos", data_root, train_dataloader__num_workers=2),
        "clips": small_config(repo_root, "clips", data_root, train_dataloader__num_workers=2),
        "clips, no workers": small_config(
            repo_root, "clips", data_root,
            train_dataloader__num_workers=0, train_dataloader__persistent_workers=False,
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(configs, tmp_path_factory):
    """Folders of runs of nine iterations."""
    finished = {}

    def folder_of(kind):
        if kind not in finished:
            finished[kind] = tmp_path_factory.mktemp("undisturbed")
            train(configs[kind], finished[kind])
        return finished[kind]

    return folder_of


def train(config, folder, *hooks, expect=None, **entries):
    runner = build_runner(config, folder, *hooks, **entries)
    try:
        if expect is None:
            runner.train()
            return None
        with pytest.raises(expect) as caught:
            runner.train()
        return caught.value
    finally:
        release(runner)


@pytest.mark.parametrize("kind", ["photos", "clips"])
def test_crash_between_checkpoints(configs, undisturbed, tmp_path, kind):
    train(configs[kind], tmp_path, DrawBetween(), CrashAt(5), expect=Crash, resume="auto")
    (log,) = tmp_path.glob("*/*.log")
    assert f"no checkpoint to resume from in {tmp_path}: starting from the" in log.read_text()
    assert (tmp_path / "last_checkpoint").read_text() == str(tmp_path / "iter_3.pth")
    train(configs[kind], tmp_path, resume="auto")
    assert_same_state(tmp_path / "iter_9.pth", undisturbed(kind) / "iter_9.pth")
    assert logged_losses(tmp_path) == logged_losses(undisturbed(kind))
    assert len(logged_losses(tmp_path)) == 9


def test_workers_do_not_matter(configs, undisturbed, tmp_path):
    train(configs["clips, no workers"], tmp_path)
    assert_same_state(tmp_path / "iter_9.pth", undisturbed("clips") / "iter_9.pth")


@pytest.mark.parametrize(("number", "iteration"), [(signal.SIGTERM, 2), (signal.SIGINT, 3)])
def test_signals_save_and_leave(configs, undisturbed, tmp_path, number, iteration, capfd):
    stop = train(configs["photos"], tmp_path, EndAt(iteration, number), expect=SystemExit)
    assert stop.code == 128 + number
    assert f"{number.name}: saving after this iteration" in capfd.readouterr().err
    newest = tmp_path / f"iter_{iteration}.pth"
    assert (tmp_path / "last_checkpoint").read_text() == str(newest)
    (log,) = tmp_path.glob("*/*.log")
    assert f"{number.name}: saved {newest} at iteration {iteration};" in log.read_text()
    # Iteration 3 has a checkpoint anyway, which is not written twice.
    assert log.read_text().count("Saving checkpoint") == (iteration == 3)
    train(configs["photos"], tmp_path, resume="auto")
    assert_same_state(tmp_path / "iter_9.pth", undisturbed("photos") / "iter_9.pth")


@pytest.mark.slow
def test_the_tool_goes_on_after_sigkill(configs, undisturbed, tmp_path, repo_root):
    config = configs["photos"].copy()
    config.custom_hooks = [*config.custom_hooks, {"type": "EndAt", "iteration": 5}]
    config.custom_imports.imports = [*config.custom_imports.imports, "ending_hooks"]
    config.dump(tmp_path / "killed.py")
    configs["photos"].dump(tmp_path / "whole.py")

    def run(name, *arguments):
        command = [sys.executable, repo_root / "tools/train.py", tmp_path / name, *arguments]
        paths = [str(repo_root / "tests/train"), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        }  # fmt: skip
        return subprocess.run(
            [*command, "--work-dir", tmp_path / "run"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    killed = run("killed.py")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder = tmp_path / "run"
    sound = (folder / "iter_3.pth").read_bytes()
    (folder / "iter_4.pth").write_bytes(sound[: len(sound) // 2])
    (folder / "last_checkpoint").write_text(str(folder / "iter_4.pth"))
    (folder / ".iter_5.pth.k1ll3d_.part").write_bytes(sound[:1000])

    resumed = run("whole.py", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    output = resumed.stdout + resumed.stderr
    assert f"passed over: {folder / 'iter_4.pth'} is damaged" in output
    assert f"resuming from {folder / 'iter_3.pth'} at iteration 3" in output
    assert not list(folder.glob(".*"))
    assert_same_state(folder / "iter_9.pth", undisturbed("photos") / "iter_9.pth")
    assert logged_losses(folder) == logged_losses(undisturbed("photos"))

    named = {"resume": True, "load_from": str(folder / "iter_4.pth")}
    error = train(configs["photos"], folder, expect=InputError, **named)
    assert str(error).startswith(f"{folder / 'iter_4.pth'} is damaged")
