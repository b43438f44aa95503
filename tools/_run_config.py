"""The config that the arguments of `train.py` and `test.py` give."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict, DictAction

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.program import leaving_on_interrupt
from clipvis_core.inference import building


def read_run_config(args: argparse.Namespace) -> Config:
    """The config with the choices of `add_run_arguments` put into it; its model may be one of a project.

    Raises:
        InputError: It cannot be read, or an option sets nothing that it reads.
    """
    config = building.read_config(args.config, models="")
    if args.cfg_options:
        override(config, args.cfg_options)
    for name in ("train_dataloader", "val_dataloader", "test_dataloader", "env_cfg"):
        if not isinstance(config.get(name) or {}, Mapping):
            raise InputError(f"{args.config}: {name} is {config.get(name)!r}, not a dict")
    config.launcher = args.launcher
    config.work_dir = args.work_dir or config.get("work_dir") or str(Path("work_dirs", Path(args.config).stem))
    return config


def override(config: Config, options: Sequence[str]) -> None:
    """Puts `KEY=VALUE` options into a config; values are read as mmengine does.

    Raises:
        InputError: No such option, or a key that is nearly one beside it and so most likely misspelt.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("options", nargs="+", action=DictAction)
    for option in options:
        key, is_pair, _ = option.partition("=")
        if not is_pair or not key:
            raise InputError(f"--cfg-options {option}: give KEY=VALUE, such as train_dataloader.batch_size=2")
        _check_spelling(config, key)
        try:
            config.merge_from_dict(parser.parse_args(["--", option]).options)
        except Exception as error:  # mmengine asserts
            raise InputError(f"--cfg-options {option}: cannot be read or set ({error})") from None


def _check_spelling(config: Config, key: str) -> None:
    owner: Any = config
    for part in key.split("."):
        if not isinstance(owner, Mapping | Config) or part in owner:
            owner = owner.get(part) if isinstance(owner, Mapping | Config) else None
            continue
        near = get_close_matches(part, list(owner), n=1, cutoff=0.8)
        if near:
            raise InputError(f"--cfg-options {key}: the config has no {part} there, but {near[0]}")
        return


@contextmanager
def parts_of(config: str) -> Iterator[None]:
    """While a config is read and its parts are built: whatever they raise is a fault in it, and told in a line.

    Ctrl-C ends the process at once.

    Raises:
        InputError: A part has a key that it does not know, a type that is none, a value that it cannot use; or a file
            cannot be read or written.
    """
    try:
        with leaving_on_interrupt():
            yield
    except InputError:
        raise
    except OSError as error:
        if error.filename is None:
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room" if full else f"choose another --work-dir, or correct {config}"
        raise InputError(f"{error.filename}: {error.strerror}; {remedy}") from None
    except Exception as error:
        reason = str(error.args[0] if error.args else "").split(". Please")[0]
        raise InputError(
            f"{config} cannot be used ({type(error).__name__}: {reason}): correct it, or --cfg-options"
        ) from None


@contextmanager
def machine_limits() -> Iterator[None]:
    """What a machine has too little of while a loader's workers run is told in a line.

    Raises:
        InputError: A worker ended (shared or other memory is full), or too many files are open.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        raise InputError("too many files are open: raise the limit (ulimit -n), or lower num_workers") from None
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise InputError(
            f"{str(error).split('. ')[0]}: is memory or /dev/shm full? Make room (docker run --shm-size), or set "
            "num_workers=0 in the loaders"
        ) from None


def evaluators(config: Config, key: str) -> list[ConfigDict]:
    """The metrics of `val_evaluator` or `test_evaluator`: none, one or several."""
    found = config.get(key) or []
    return list(found) if isinstance(found, list | tuple) else [found]
