"""Weights into models: official files and ours, strictly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from clipvis_core.checkpoints.files import WEIGHTS_SUFFIX, read_checkpoint
from clipvis_core.checkpoints.keys import (
    Layout,
    describe_layout,
    is_official,
    list_names,
    to_current,
    to_official,
    to_ours,
)
from clipvis_core.foundation.calibration import Calibration
from clipvis_core.foundation.errors import InputError

if TYPE_CHECKING:
    from clipvis_core.models.base import CLIPVISModel

#: Configs of this repository for each layout, as an error message names them.
FITTING_CONFIGS = {
    Layout("RN50", 6): "configs/video/clipvis_r50_lvis.py",
    Layout("RN50", 9): "configs/video/clipvis_r50_ytvis2019.py",
    Layout("ConvNeXt-B", 6): "configs/video/clipvis_convnext-b_lvis.py",
    Layout("ConvNeXt-B", 9): "configs/video/clipvis_convnext-b_ytvis2019.py",
}


_ENCODER = "backbone."  # what the names of its weights begin with


def model_state(content: dict[str, Any], path: str | Path = "the checkpoint") -> dict[str, Tensor]:
    """The state dict inside a checkpoint's content: entry `model`, `state_dict`, or the whole.

    Earlier names of ours come back as today's.

    Raises:
        InputError: There is no dict of tensors in it.
    """
    state = content.get("model", content.get("state_dict", content))
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(
            f"{path} has no weights: a dict of tensors is expected, or one as entry 'model' or 'state_dict'"
        )
    for name, tensor in state.items():
        if not isinstance(name, str) or tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise InputError(f"{path} holds {str(name)[:80]}, which is no plain tensor with a name: fetch it again")
    return to_current(state)


def load_checkpoint(model: CLIPVISModel, path: str | Path) -> Layout:
    """Loads an official `.pth` or one of ours into a CLIP-VIS model; every name and shape must fit.

    Returns:
        What the file holds.

    Raises:
        InputError: The file cannot be read, is for another encoder or depth (the message names a config that
            fits), or has missing, unexpected or differently shaped entries.
    """
    content = read_checkpoint(path)
    state = model_state(content, path)
    layout = describe_layout(state)
    if is_official(state):
        state = to_ours(state)
    expected = model.state_dict()
    built = describe_layout(expected)
    named = replace(built, family=model.backbone.family)
    if built != layout:
        fitting = FITTING_CONFIGS.get(layout, "one with that encoder and head.query_decoder.num_layers")
        raise InputError(f"{path} holds {layout}, but the config builds {named}: use {fitting}")
    check_shapes(state, expected, path)
    model.load_state_dict(state, strict=True)
    is_weights = Path(path).suffix == WEIGHTS_SUFFIX
    model.calibration = Calibration.from_meta(content["meta"], path) if is_weights else None
    return named


def load_encoder(encoder: nn.Module, path: str | Path) -> None:
    """Loads the part of a checkpoint that is the encoder's; checksums are not looked at.

    Raises:
        InputError: The file is no readable checkpoint, or its encoder is another one.
    """
    state = model_state(read_checkpoint(path, sums=False), path)
    if is_official(state):
        state = to_ours(state)
    state = {name.removeprefix(_ENCODER): value for name, value in state.items() if name.startswith(_ENCODER)}
    check_shapes(state, encoder.state_dict(), path)
    encoder.load_state_dict(state, strict=True)


def check_shapes(state: dict[str, Tensor], expected: dict[str, Tensor], path: str | Path) -> None:
    """Compares names, shapes and kinds of numbers with those of a model, and looks for numbers that are none.

    Raises:
        InputError: They differ, or are not finite; the message lists the names.
    """
    shared = [name for name in expected if name in state]
    differences = {
        "missing": [name for name in expected if name not in state],
        "unexpected": [name for name in state if name not in expected],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(value.shape)}"
            for name, value in expected.items()
            if name in state and state[name].shape != value.shape
        ],
        "of another kind of numbers": [name for name in shared if _kind(state[name]) != _kind(expected[name])],
        "with nan or infinite numbers": [
            name for name in shared if state[name].is_floating_point() and not state[name].float().isfinite().all()
        ],
    }
    faults = [f"{len(names)} {what}: {list_names(names)}" for what, names in differences.items() if names]
    if faults:
        raise InputError(f"{path} does not fit the model: {'; '.join(faults)}")


def _kind(tensor: Tensor) -> str:
    """What numbers a tensor holds, whatever their precision."""
    if tensor.is_floating_point() or tensor.is_complex():
        return "float" if tensor.is_floating_point() else "complex"
    return "bool" if tensor.dtype == torch.bool else "whole"


def our_file(content: dict[str, Any], path: str | Path) -> dict[str, Any]:
    """Content of an official file as content of one of ours; what is beside the weights is kept for the way back."""
    state = model_state(content, path)
    beside = {key: value for key, value in content.items() if key != "model"} if "model" in content else {}
    return {"meta": {"converted_from": "official"}, "state_dict": to_ours(state), "official_entries": beside}


def official_file(content: dict[str, Any], path: str | Path) -> dict[str, Any]:
    """Content of one of our files in the published layout."""
    return {"model": to_official(model_state(content, path)), **content.get("official_entries", {})}
