"""EfficientNet-Lite0 as a frozen trunk: timm's module holds the weights, a folded copy is run."""

from __future__ import annotations

import copy
from itertools import pairwise

import timm
from timm.layers import BatchNormAct2d
from timm.models import EfficientNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

#: Channels of the stages at strides 4, 8, 16, 32, and of the dense features after the last.
LEVEL_CHANNELS = (24, 40, 112, 320)
DENSE_CHANNELS = 1280


def build_trunk() -> EfficientNet:
    """timm's EfficientNet-Lite0 without its classifier, random weights; the norms' epsilon is TensorFlow's."""
    return timm.create_model("efficientnet_lite0", pretrained=False, num_classes=0, bn_eps=1e-3)


def folded_stages(trunk: EfficientNet) -> nn.Sequential:
    """Copy in five stages: strides 4, 8, 16 and 32, then the dense features.

    Each BatchNorm is folded into the convolution before it (exact but for rounding); its activation takes its place.
    """
    trunk = copy.deepcopy(trunk)
    for module in list(trunk.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(norm, BatchNormAct2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, norm.act)
    blocks = trunk.blocks
    return nn.Sequential(
        nn.Sequential(trunk.conv_stem, trunk.bn1, *blocks[:2]),
        blocks[2],
        nn.Sequential(*blocks[3:5]),
        nn.Sequential(*blocks[5:7]),
        nn.Sequential(trunk.conv_head, trunk.bn2),
    )
