"""Checkpoint files: safe reading, the published key names, strict loading."""

from clipvis_core.checkpoints.files import WEIGHTS_SUFFIX, check_sums, read_checkpoint, write_checkpoint, write_weights
from clipvis_core.checkpoints.keys import Layout, describe_layout, is_official, to_current, to_official, to_ours
from clipvis_core.checkpoints.loading import (
    check_shapes,
    load_checkpoint,
    load_encoder,
    model_state,
    official_file,
    our_file,
)

__all__ = [
    "WEIGHTS_SUFFIX",
    "Layout",
    "check_shapes",
    "check_sums",
    "describe_layout",
    "is_official",
    "load_checkpoint",
    "load_encoder",
    "model_state",
    "official_file",
    "our_file",
    "read_checkpoint",
    "to_current",
    "to_official",
    "to_ours",
    "write_checkpoint",
    "write_weights",
]
