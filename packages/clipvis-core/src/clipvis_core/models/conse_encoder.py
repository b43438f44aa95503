"""An open vocabulary from a plain image classifier: convex combination of label embeddings (ConSE).

Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings", ICLR 2014: the text vectors of the
labels, summed with the classifier's probabilities for a region, are compared with the text vector of any word.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from clipvis_core.checkpoints.files import read_checkpoint
from clipvis_core.foundation.errors import InputError
from clipvis_core.models.efficientnet_trunk import DENSE_CHANNELS, LEVEL_CHANNELS, build_trunk, folded_stages
from clipvis_core.models.encoder import EncoderFeatures, average_pool_masks
from clipvis_core.models.frozen_trunks import TrunkCopy
from clipvis_core.models.static_text import StaticTextEncoder

BUILDER = "projects/photo_mini/tools/build_photo_mini.py"


@MODELS.register_module()
class ConSEEncoder(BaseModule):
    """A small image classifier and a table of word vectors, frozen, always in eval mode.

    Args:
        num_labels: L, what the classifier tells apart.
        embed_dim: D, the length of text vectors.
        likeliest: How many of a region's labels its vector is made of.
        pretrained: A safetensors file that `init_weights` loads (projects/photo_mini makes it); building the module
            needs none, because a CLIP-VIS checkpoint holds these weights too.
    """

    family = "photo-mini"
    channels = LEVEL_CHANNELS

    def __init__(
        self,
        *,
        num_labels: int,
        embed_dim: int,
        likeliest: int = 10,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.embed_dim = embed_dim
        self.likeliest = likeliest
        self.pretrained = pretrained
        self.trunk = build_trunk()
        self.classifier = nn.Linear(DENSE_CHANNELS, num_labels)
        self.text = StaticTextEncoder(embed_dim)
        label_vectors = F.normalize(torch.randn(num_labels, embed_dim), dim=-1)
        self.register_buffer("label_vectors", label_vectors)
        self.register_buffer("logit_scale", torch.tensor(10.0))
        self._run = TrunkCopy(self.trunk, folded_stages)
        self.requires_grad_(False)
        super().train(False)

    def init_weights(self) -> None:
        """Loads the weights where `pretrained` names a file.

        Raises:
            InputError: The file is missing, damaged, or of another model.
        """
        if self.pretrained is None:
            super().init_weights()
            return
        if not Path(self.pretrained).is_file():
            raise InputError(f"encoder weights {self.pretrained} not found: make them with {BUILDER}")
        print_log(f"loading encoder weights {self.pretrained}", logger="current")
        state = read_checkpoint(self.pretrained)["state_dict"]
        try:
            self.load_state_dict(state)
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            raise InputError(
                f"{self.pretrained} holds no weights of this encoder ({first}): make them with {BUILDER}"
            ) from None

    def train(self, mode: bool = True) -> ConSEEncoder:
        """Stays in eval mode whatever `mode` says: BatchNorm statistics are the classifier's."""
        return super().train(False)

    def compile(self) -> None:
        """Has `torch.compile` fuse the trunk from now on."""
        self._run.compile()

    @torch.no_grad()
    def forward(self, images: Tensor) -> EncoderFeatures:
        """Features of images `(B, 3, H, W)`, RGB scaled to about -1..1, H and W multiples of 32."""
        *levels, dense = self._run(images)
        return EncoderFeatures(tuple(levels), dense)

    @torch.no_grad()
    def region_embeddings(self, dense: Tensor, masks: Tensor) -> Tensor:
        """Probability-weighted sum of the likeliest labels' text vectors, float32 `(B, Q, D)`.

        Args:
            dense: `(B, 1280, h, w)`.
            masks: bool `(B, Q, h, w)`; one without a cell has a row of zeros.
        """
        with torch.autocast(dense.device.type, enabled=False):
            combined = self.combine_labels(average_pool_masks(dense.float(), masks))
        return combined * masks.flatten(2).any(dim=-1, keepdim=True)

    @torch.no_grad()
    def combine_labels(self, features: Tensor) -> Tensor:
        """Mean dense features `(..., 1280)` of regions to their vectors `(..., D)`."""
        likeliest = self.classifier(features).softmax(dim=-1).topk(self.likeliest)
        vectors = self.label_vectors[likeliest.indices]
        return torch.einsum("...k,...kd->...d", likeliest.values, vectors)

    def encode_text(self, words: Sequence[str]) -> Tensor:
        """Unit vectors of P words, float32 `(P, D)` on the CPU.

        Raises:
            InputError: A word has no letter or digit that has a Latin form.
        """
        return self.text.encode(words)

    def text_fingerprint(self) -> str:
        """Hex digest of all that decides a word's vector: the pieces of words and their rows."""
        return self.text.fingerprint()
