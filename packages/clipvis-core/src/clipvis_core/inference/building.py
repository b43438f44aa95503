"""From a config and a checkpoint to a model that is ready to infer."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

from clipvis_core.checkpoints import load_checkpoint, load_encoder
from clipvis_core.foundation.errors import InputError, first_line
from clipvis_core.model_zoo import find_config
from clipvis_core.models.base import CLIPVISModel
from clipvis_core.models.encoder import ImageTextEncoder

RANDOM_SEED = 0
_SIBLINGS = ("clipvis_data", "clipvis_eval", "clipvis_train")


def read_config(config: str | Path | Config, *, models: str = "CLIPVIS") -> Config:
    """A config file, read.

    Args:
        config: Path or name of a config (`find_config`), or a loaded one.
        models: What the name of its model's class begins with; "" for any.

    Raises:
        InputError: There is no such file, it cannot be parsed, or it describes no such model.
    """
    if not isinstance(config, Config):
        path = find_config(config)
        try:
            config = Config.fromfile(path, import_custom_modules=False)
            import_parts(config)
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # mmengine copies it to read it
                raise InputError(f"{tempfile.gettempdir()}: {reason}: make room, or set TMPDIR") from None
            raise InputError(f"config {path} cannot be read: {reason}") from None
        except Exception as error:  # a config is a program: whatever it raises is a fault in that file
            raise InputError(f"config {path} cannot be read: {error}") from None
    model = config.get("model")
    kind = str(model.get("type", "")) if isinstance(model, Mapping) else ""
    if not kind or not kind.startswith(models):
        raise InputError("the config has no `model` of type CLIPVISVideo or CLIPVISImage")
    return config


def import_parts(config: Config) -> None:
    """Imports the modules that a config names in `custom_imports`, which register its parts.

    A package of this workspace that is not installed is passed over: its datasets, metrics and hooks are of no use
    for inference.

    Raises:
        ImportError: Another module cannot be imported.
    """
    for module in config.get("custom_imports", {}).get("imports", ()):
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in _SIBLINGS:
                raise


def build_model(
    config: str | Path | Config, checkpoint: str | Path | None, device: str | torch.device = "cpu"
) -> CLIPVISModel:
    """Builds the model of a config in eval mode.

    Args:
        config: Path of a config, or a loaded one.
        checkpoint: Official `.pth` or one of ours. `None` leaves seeded random weights, with which nothing a
            model says means anything; its words are not cached on disk either.
        device: Where the model goes.

    Raises:
        InputError: The config or checkpoint cannot be used; see `load_checkpoint`.
    """
    config = read_config(config)
    with _seeded():
        model = _built(config.model)
        if checkpoint is None:
            model.head.init_weights()
            model.text_classifier.cache_dir = False
    if checkpoint is not None:
        load_checkpoint(model, checkpoint)
    return model.to(device).eval()


def build_encoder(config: str | Path | Config, checkpoint: str | Path | None) -> ImageTextEncoder:
    """The encoder of `build_model` alone, on the CPU; the arguments are the same.

    Raises:
        InputError: The config or checkpoint cannot be used.
    """
    with _seeded():
        encoder = _built(read_config(config).model.get("backbone"))
    if checkpoint is not None:
        load_encoder(encoder, checkpoint)
    return encoder.eval()


@contextmanager
def _seeded() -> Iterator[None]:
    """Random weights are the same each time; what is random elsewhere goes on as if nothing had been."""
    init_default_scope("mmdet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        yield


def _built(part: ConfigDict) -> Any:
    try:
        return MODELS.build(part)
    except InputError:
        raise
    except Exception as error:  # a key that no part knows, a type that is none: a fault in the config
        raise InputError(f"the config's model cannot be built: {first_line(error)}") from None
