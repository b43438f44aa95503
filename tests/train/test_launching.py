"""Processes are joined whoever started them, and told apart from those that were not."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest
from mmengine.config import Config
from torch import distributed

from clipvis_core import InputError
from clipvis_train.launching import process_group, torch_environment

STARTED = {
    "pytorch": {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_PORT": "1234"},
    "slurm": {"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "1"},
    "mpi": {
        "OMPI_COMM_WORLD_RANK": "3",
        "OMPI_COMM_WORLD_SIZE": "4",
        "OMPI_COMM_WORLD_LOCAL_RANK": "1",
        "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    },
}


@pytest.mark.parametrize("launcher", STARTED)
def test_what_each_launcher_tells(launcher):
    found = torch_environment(launcher, STARTED[launcher] | {"MASTER_ADDR": "node1"})
    assert found == {
        "RANK": "3",
        "WORLD_SIZE": "4",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "node1",
        "MASTER_PORT": "1234" if launcher == "pytorch" else "29500",
    }


@pytest.mark.parametrize("launcher", STARTED)
def test_a_process_of_no_launcher_is_told_how_to_start(launcher):
    with pytest.raises(InputError, match=rf"--launcher {launcher}: \w+ is not set; start through"):
        torch_environment(launcher, {"MASTER_ADDR": "node1"})


@pytest.mark.parametrize("launcher", ["pytorch", "mpi"])
def test_several_machines_need_a_meeting_point(launcher):
    with pytest.raises(InputError, match="MASTER_ADDR is not set"):
        torch_environment(launcher, STARTED[launcher])


def test_mpi_on_one_machine_meets_there():
    alone = STARTED["mpi"] | {"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}
    assert torch_environment("mpi", alone)["MASTER_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_persist_only_where_there_are_some(workers):
    """torch refuses persistent workers without workers, which `num_workers=0` alone would ask for."""
    loader = {"num_workers": workers, "persistent_workers": True}
    config = Config({"launcher": "none", "train_dataloader": loader, "val_dataloader": None})
    with process_group(config):
        assert config.train_dataloader.persistent_workers == (workers > 0)


@pytest.mark.parametrize("ending", [None, SystemExit(143), InputError("no such file")])
def test_a_group_is_left_however_the_program_ends(ending, monkeypatch):
    """With gloo's threads alive a process may be aborted at its end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    alone = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_PORT": port}
    for name, value in {**alone, "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, str(value))
    config = Config({"launcher": "pytorch", "env_cfg": {"dist_cfg": {"backend": "gloo"}}})
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(type(ending)) if ending else nullcontext(), process_group(config):
        assert distributed.is_initialized()
        if ending:
            raise ending
    assert not distributed.is_initialized()


def stub(folder: Path, name: str, script: str) -> None:
    """Puts a program of that name first on the path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_slurm_names_the_first_machine(tmp_path, monkeypatch):
    stub(tmp_path, "scontrol", '[ "$*" = "show hostnames node[7-8]" ] && printf "node7\\nnode8\\n"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = torch_environment("slurm", STARTED["slurm"] | {"SLURM_NODELIST": "node[7-8]"})
    assert found["MASTER_ADDR"] == "node7"
    with pytest.raises(InputError, match="scontrol cannot name"):
        torch_environment("slurm", STARTED["slurm"] | {"SLURM_NODELIST": "other"})


SCRIPTS = {
    "dist_train.sh": (
        ["a.py", "4", "--amp", "--cfg-options", "x=[1, 2]"],
        "-m torch.distributed.run --nnodes 2 --node-rank 1 --nproc-per-node 4"
        " --master-addr node1 --master-port 29500"
        " {tools}/train.py --launcher pytorch a.py --amp --cfg-options x=[1, 2]",
    ),
    "dist_test.sh": (
        ["a.py", "a.pth", "4", "--resume"],
        "-m torch.distributed.run --nnodes 2 --node-rank 1 --nproc-per-node 4"
        " --master-addr node1 --master-port 29500"
        " {tools}/test.py --launcher pytorch a.py a.pth --resume",
    ),
    "slurm_train.sh": (
        ["part", "job", "a.py", "out", "--resume"],
        "--partition part --job-name job --ntasks 16 --ntasks-per-node 8 --gres gpu:8"
        " --cpus-per-task 5 --kill-on-bad-exit 1 --time 1:00"
        " {python} -u {tools}/train.py --launcher slurm a.py --work-dir out --resume",
    ),
    "slurm_test.sh": (
        ["part", "job", "a.py", "a.pth"],
        "--partition part --job-name job --ntasks 16 --ntasks-per-node 8 --gres gpu:8"
        " --cpus-per-task 5 --kill-on-bad-exit 1 --time 1:00"
        " {python} -u {tools}/test.py --launcher slurm a.py a.pth",
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_start_the_tools(name, tmp_path, repo_root):
    arguments, expected = SCRIPTS[name]
    stub(tmp_path, "python", 'printf "%s " "$@"')
    stub(tmp_path, "srun", 'printf "%s " "$@"')
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": str(tmp_path / "python"),
        "NNODES": "2",
        "NODE_RANK": "1",
        "MASTER_ADDR": "node1",
        "GPUS": "16",
        "SRUN_ARGS": "--time 1:00",
    }
    command = [str(repo_root / "tools" / name)]
    result = subprocess.run(command + arguments, env=environment, capture_output=True, text=True, check=True)
    tools, python = str(repo_root / "tools"), environment["PYTHON"]
    assert result.stdout.strip() == expected.format(tools=tools, python=python)
    too_few = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (too_few.returncode, too_few.stderr.startswith("usage: ")) == (2, True)
