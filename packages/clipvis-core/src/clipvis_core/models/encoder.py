"""The interface of the frozen image-text encoder that CLIP-VIS takes its features and its names from.

Heads, tracking, classification, training and the tools use an encoder by these names only; `docs/encoders.md` shows how
to write another than CLIP.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from clipvis_core.text.classifier import TextEncoder


class EncoderFeatures(NamedTuple):
    """What a frozen encoder sees in a batch of images.

    Attributes:
        levels: `(B, channels[i], H/s, W/s)` at strides s = 4, 8, 16, 32: what masks are decoded from.
        dense: `(B, C, H/32, W/32)`, what `region_embeddings` names masks from; C is the encoder's own.
    """

    levels: tuple[Tensor, Tensor, Tensor, Tensor]
    dense: Tensor


class ImageTextEncoder(TextEncoder, Protocol):
    """A frozen image-text encoder: an mmengine `BaseModule`, registered with mmdet's `MODELS`.

    It stays in eval mode whatever `train` says and needs no gradient. Building it downloads nothing, because a
    checkpoint holds its weights too; `init_weights` may load pretrained ones for training. `check_encoder` of
    `clipvis_core.models.encoder_check` tries all this.
    """

    @property
    def family(self) -> str:
        """What kind of encoder it is, as checkpoints are described to users: `RN50`."""

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four levels, from stride 4 to stride 32."""

    @property
    def embed_dim(self) -> int:
        """D, the length of region and word vectors."""

    @property
    def logit_scale(self) -> Tensor:
        """Factor on cosines that makes them category logits: positive, of shape `()`, on the encoder's device."""

    def forward(self, images: Tensor) -> EncoderFeatures:
        """Features of images.

        Args:
            images: `(B, 3, H, W)`, normalised as the config's `data_preprocessor` says; H and W are multiples of 32.
        """

    def region_embeddings(self, dense: Tensor, masks: Tensor) -> Tensor:
        """A vector for each mask, to be compared with those of words by cosine.

        Args:
            dense: `(B, C, h, w)` of `EncoderFeatures`.
            masks: bool `(B, Q, h, w)`, true inside; a mask may have no cell.

        Returns:
            `(B, Q, D)`, not normalised. A row of zeros says that the mask cannot be named: all its logits are 0.
        """

    def compile(self) -> None:
        """Has `torch.compile` fuse the image side from now on; `nn.Module.compile` is good enough for most."""


def average_pool_masks(dense: Tensor, masks: Tensor) -> Tensor:
    """Mean of `dense` `(B, C, h, w)` over each mask `(B, Q, h, w)` -> `(B, Q, C)`; zeros for an empty mask."""
    weights = masks.to(dense.dtype)
    sums = torch.einsum("bchw,bqhw->bqc", dense, weights)
    return sums / (weights.sum(dim=(-1, -2)).unsqueeze(-1) + 1e-8)
