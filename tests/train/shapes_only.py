"""Models of any size without their memory."""

from __future__ import annotations

from unittest import mock

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn


def build_on_meta(config: Config) -> nn.Module:
    """Builds a config's model on the meta device: names, shapes and types, and no numbers."""
    init_default_scope("mmdet")
    # open_clip's last step is `to`, which has nothing to do here.
    with torch.device("meta"), mock.patch.object(nn.Module, "to", lambda self, *_, **__: self):
        return MODELS.build(config.model)
