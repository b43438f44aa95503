"""Joins several processes into one run, with or without GPUs, under each launcher.

mmengine joins the processes itself where there is a GPU. Without one the group is made here, with torch's `gloo`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
from mmengine.config import Config
from torch import distributed

from clipvis_core import InputError

DEFAULT_PORT = "29500"
_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
#: What each launcher calls the process's rank, the number of processes, and the rank on this machine.
_SOURCES = {
    "pytorch": _NAMES,
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
    "mpi": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
}
_STARTERS = {"pytorch": "torchrun or tools/dist_train.sh", "slurm": "srun or tools/slurm_train.sh", "mpi": "mpirun"}


@contextmanager
def process_group(config: Config) -> Iterator[None]:
    """Makes this process one of a group, as `config.launcher` says, until the end of the `with`.

    Within it the environment holds rank, world size and address as torch names them, whatever the launcher calls them,
    and the config fits the devices: without a GPU the model is wrapped for the CPU and the backend is gloo, and no
    workers persist where a loader has none.

    The group is destroyed at the end: a process that ends with gloo's threads alive may be aborted after its work is
    done (pytorch/pytorch#179291). After a failure NCCL's group is not destroyed, since that waits for ranks that may
    be stuck in an operation; the launcher ends those.

    Args:
        config: Config of a run; `launcher` is "none", "pytorch", "slurm" or "mpi".

    Raises:
        InputError: The process was not started by that launcher.
    """
    _join(config)
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        loader = config.get(name)
        if loader and not loader.get("num_workers"):
            loader.persistent_workers = False  # torch refuses it without workers
    failed = True
    try:
        yield
        failed = False
    except SystemExit:  # a signal: all ranks have saved and agreed to leave
        failed = False
        raise
    finally:
        if distributed.is_initialized() and not (failed and distributed.get_backend() == "nccl"):
            distributed.destroy_process_group()


def _join(config: Config) -> None:
    if config.launcher == "none":
        return
    os.environ.update(torch_environment(config.launcher, os.environ))
    config.launcher = "pytorch"
    if torch.cuda.is_available():
        return
    options = dict(config.get("env_cfg", {}).get("dist_cfg", {}))
    seconds = options.get("timeout")
    distributed.init_process_group("gloo", timeout=None if seconds is None else timedelta(seconds=seconds))
    if config.get("model_wrapper_cfg") is None:
        config.model_wrapper_cfg = dict(
            type="MMDistributedDataParallel",
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=config.get("find_unused_parameters", False),
        )


def torch_environment(launcher: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that torch's own launcher would have set.

    Returns:
        `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT`, from what the launcher set.

    Raises:
        InputError: A variable of the launcher is missing.

    Example:
        >>> names = ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK")
        >>> mpi = dict(zip(names, "340")) | {"MASTER_ADDR": "node1"}
        >>> torch_environment("mpi", mpi)["LOCAL_RANK"]
        '0'
    """
    found = {}
    for name, source in zip(_NAMES, _SOURCES[launcher], strict=True):
        if source not in environment:
            raise InputError(f"--launcher {launcher}: {source} is not set; start through {_STARTERS[launcher]}")
        found[name] = environment[source]
    found["MASTER_ADDR"] = environment.get("MASTER_ADDR") or _first_machine(launcher, environment)
    found["MASTER_PORT"] = environment.get("MASTER_PORT", DEFAULT_PORT)
    return found


def _first_machine(launcher: str, environment: Mapping[str, str]) -> str:
    """Address of the machine of rank 0, where the launcher says it."""
    if launcher == "slurm" and environment.get("SLURM_NODELIST"):
        command = ["scontrol", "show", "hostnames", environment["SLURM_NODELIST"]]
        try:
            names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(f"scontrol cannot name this job's machines ({error})") from None
        return names.split()[0]
    all_here = environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") == environment.get("OMPI_COMM_WORLD_SIZE")
    if launcher == "mpi" and all_here:
        return "127.0.0.1"
    raise InputError(f"--launcher {launcher}: MASTER_ADDR is not set; name the machine of the first process")
