"""Which config and which weights are used where a user names one of them or none."""

from __future__ import annotations

import sys
from pathlib import Path

from clipvis_core.checkpoints import WEIGHTS_SUFFIX, describe_layout, model_state, read_checkpoint
from clipvis_core.foundation.errors import InputError
from clipvis_core.model_zoo import DEFAULT_MODEL, find_config, find_weights, packaged_config

DEEP = 9  # decoder layers of the released models for COCO and YouTube-VIS; those for LVIS have 6
CONFIG_NAMES = {"RN50": "r50", "ConvNeXt-B": "convnext-b"}


def choose_model(config: str | None, checkpoint: str | None, *, is_image: bool) -> tuple[Path, str | None]:
    """Config and weights; what was chosen for the user is said on stderr.

    Args:
        config: What the user named, or None.
        checkpoint: What the user named, or None: the shipped weights, or random ones for a config of the user's.
        is_image: Whether a single image is to be segmented.

    Raises:
        InputError: No config of ours builds what the checkpoint holds.
    """
    if checkpoint is None and config is not None:
        print("no checkpoint given: the weights are random, so masks and names mean nothing", file=sys.stderr)
    elif checkpoint is None:
        checkpoint = str(find_weights(DEFAULT_MODEL))
        print(f"no checkpoint given: {Path(checkpoint).name}, a small model, is used", file=sys.stderr)
    return (find_config(config) if config is not None else fitting_config(checkpoint, is_image=is_image)), checkpoint


def fitting_config(checkpoint: str, *, is_image: bool) -> Path:
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
    print(f"{checkpoint}: {layout}", file=sys.stderr)
    if layout.family not in CONFIG_NAMES:
        raise InputError(f"{checkpoint} holds {layout}: say with --config which")
    mode, deepest = ("image", "coco") if is_image else ("video", "ytvis2019")
    experiment = deepest if layout.num_layers == DEEP else "lvis"
    return find_config(f"{mode}/clipvis_{CONFIG_NAMES[layout.family]}_{experiment}")
