"""Which config and which weights are used where a user names one of them or none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mmengine.config import Config

from clipvis_core.checkpoints import WEIGHTS_SUFFIX, describe_layout, model_state, read_checkpoint
from clipvis_core.foundation.errors import InputError
from clipvis_core.model_zoo import DEFAULT_MODEL, HUB_PREFIX, find_config, find_weights, packaged_config, zoo

DEEP = 9  # decoder layers of the released models for COCO and YouTube-VIS; those for LVIS have 6
CONFIG_NAMES = {"RN50": "r50", "ConvNeXt-B": "convnext-b"}


def choose_model(
    model: str | None, config: str | None, checkpoint: str | None, *, is_image: bool = False, quiet: bool = False
) -> tuple[Path, Path | None]:
    """Config and weights; what was chosen for the user is said on stderr.

    Args:
        model: Name of the zoo or the hub, or None.
        config: File or name of a config, or None: the one that fits the weights.
        checkpoint: File of weights, or None: those of the model; without either the default model's, or random ones for
            a config of the user's.
        is_image: Whether a single image is to be segmented.
        quiet: Say nothing: it was said before.

    Raises:
        InputError: Something that was named is not there, or no config of ours builds what the weights hold.
    """
    say = (lambda _: None) if quiet else partial(print, file=sys.stderr)
    if model is None and checkpoint is None and config is not None:
        say("no weights given: they are random, so masks and names mean nothing")
        return find_config(config), None
    if checkpoint is None:
        weights = find_weights(model or DEFAULT_MODEL)
        if model is None:
            say(f"no model given: {DEFAULT_MODEL}, a small one, is used")
    else:
        weights = Path(checkpoint)
    if config is not None:
        return find_config(config), weights
    if model in zoo():
        return (zoo()[model].image_config if is_image else zoo()[model].config), weights
    return fitting_config(str(weights), is_image=is_image, say=say), weights


def resolve_model(
    model: str | Path | Config | None, checkpoint: str | Path | None
) -> tuple[str | Path | Config, str | Path | None]:
    """Config and weights from what the Python API was given; see `CLIPVISInferencer`.

    Raises:
        InputError: As `choose_model`.
    """
    if isinstance(model, str) and (model in zoo() or model.startswith(HUB_PREFIX)):
        return choose_model(model, None, checkpoint)
    if model is None:
        return choose_model(None, None, checkpoint)
    return model, checkpoint


def fitting_config(checkpoint: str, *, is_image: bool, say: Callable[[object], None]) -> Path:
    """The config of this repository that builds what the checkpoint holds: the one it names, or by its layout.

    A config is a program: only those of this repository are run.

    Raises:
        InputError: There is none.
    """
    content = read_checkpoint(checkpoint)
    named = None
    if Path(checkpoint).suffix == WEIGHTS_SUFFIX:
        named = content["meta"].get("image_config" if is_image else "config")
    if named is not None:
        config = packaged_config(named)
        if config is None:
            raise InputError(f"{checkpoint} names the config {named}, which is not here: give --config")
        return config
    layout = describe_layout(model_state(content, checkpoint))
    say(f"{checkpoint}: {layout}")
    if layout.family not in CONFIG_NAMES:
        raise InputError(f"{checkpoint} holds {layout}: say with --config which")
    mode, deepest = ("image", "coco") if is_image else ("video", "ytvis2019")
    experiment = deepest if layout.num_layers == DEEP else "lvis"
    return find_config(f"{mode}/clipvis_{CONFIG_NAMES[layout.family]}_{experiment}")
