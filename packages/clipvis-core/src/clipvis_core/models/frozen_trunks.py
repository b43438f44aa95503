"""Copies of the frozen image encoders that are run: folded, in the memory layout and precision that are needed.

The model holds the weights once, under open_clip's names. A copy of the convolutional part is made at first use, and
again when the weights, the device or the precision have changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from clipvis_core.models.cast_weights import tensor_states

if TYPE_CHECKING:
    from open_clip.modified_resnet import Bottleneck, ModifiedResNet


class TrunkCopy:
    """A trunk that is copied when it is to run.

    Args:
        source: The module whose weights are followed.
        make: Copies it: `source` to a sequence of stages that do not share its weights.
    """

    def __init__(self, source: nn.Module, make: Callable[[nn.Module], nn.Sequential]) -> None:
        self.source = source
        self.make = make
        self._made_for: tuple | None = None
        self._stages: nn.Sequential | None = None
        self._run = run_stages

    def compile(self) -> None:
        """Has `torch.compile` fuse the stages."""
        self._run = torch.compile(run_stages)

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Output of every stage for images `(B, 3, H, W)`, in autocast's precision where that is on."""
        device = images.device.type
        dtype = running_dtype(images)
        # Convolutions are fastest with channels last, except in float32 on a GPU.
        layout = torch.contiguous_format if device != "cpu" and dtype == torch.float32 else torch.channels_last
        weights = (*self.source.parameters(), *self.source.buffers())
        state = (dtype, layout, *tensor_states(weights))
        if state != self._made_for:
            with torch.inference_mode(False), torch.no_grad():
                self._stages = self.make(self.source).to(dtype=dtype, memory_format=layout)
            self._made_for = state
        return self._run(self._stages, images.to(dtype=dtype, memory_format=layout))


def running_dtype(images: Tensor) -> torch.dtype:
    """Autocast's precision on the images' device where it is on, else the images' own."""
    device = images.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else images.dtype


def run_stages(stages: Iterable[nn.Module], images: Tensor) -> list[Tensor]:
    """Output of every stage, each of which takes that of the one before, in the precision of their weights."""
    outputs = []
    with torch.autocast(images.device.type, enabled=False):
        for stage in stages:
            images = stage(images)
            outputs.append(images)
    return outputs


def folded_resnet(visual: ModifiedResNet) -> nn.Sequential:
    """Stem and four stages, each BatchNorm folded into the convolution before it (exact but for rounding)."""
    stem = nn.Sequential(
        fuse_conv_bn_eval(visual.conv1, visual.bn1),
        nn.ReLU(inplace=True),
        fuse_conv_bn_eval(visual.conv2, visual.bn2),
        nn.ReLU(inplace=True),
        fuse_conv_bn_eval(visual.conv3, visual.bn3),
        nn.ReLU(inplace=True),
        visual.avgpool,
    )
    layers = (visual.layer1, visual.layer2, visual.layer3, visual.layer4)
    return nn.Sequential(stem, *(nn.Sequential(*(FoldedBottleneck(block) for block in layer)) for layer in layers))


class FoldedBottleneck(nn.Module):
    """open_clip's residual block, without BatchNorm."""

    def __init__(self, block: Bottleneck) -> None:
        super().__init__()
        self.conv1 = fuse_conv_bn_eval(block.conv1, block.bn1)
        self.conv2 = fuse_conv_bn_eval(block.conv2, block.bn2)
        self.conv3 = fuse_conv_bn_eval(block.conv3, block.bn3)
        self.avgpool = block.avgpool
        self.shortcut = nn.Identity()
        if block.downsample is not None:
            pool, conv, norm = block.downsample
            self.shortcut = nn.Sequential(pool, fuse_conv_bn_eval(conv, norm))

    def forward(self, x: Tensor) -> Tensor:
        """What open_clip's block makes of `(B, C, H, W)`, in eval mode."""
        out = F.relu_(self.conv1(x))
        out = self.avgpool(F.relu_(self.conv2(out)))
        return F.relu_(self.conv3(out).add_(self.shortcut(x)))


def copied_convnext(trunk: nn.Module) -> nn.Sequential:
    """Stem and four stages of a timm ConvNeXt, as they are."""
    return copy.deepcopy(nn.Sequential(trunk.stem, *trunk.stages))
