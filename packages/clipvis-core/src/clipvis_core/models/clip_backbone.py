"""CLIP as frozen image-text encoder.

open_clip, which takes a second to import, is imported when a CLIP model is built: other encoders do without.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmdet.registry import MODELS
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor

from clipvis_core.foundation.errors import InputError
from clipvis_core.models.clip_text import CLIPWords
from clipvis_core.models.encoder import EncoderFeatures
from clipvis_core.models.visual_towers import build_tower
from clipvis_core.text.templates import TEMPLATES

if TYPE_CHECKING:
    from open_clip import CLIP

MAX_LOGIT_SCALE = 100.0


@MODELS.register_module()
class FrozenCLIP(BaseModule):
    """An open_clip model as `ImageTextEncoder`, all its parameters frozen, always in eval mode.

    Args:
        model_name: open_clip architecture: `RN50` or `convnext_base_w_320` in the released models; also the small
            ones of `clipvis_core/model_configs`.
        pretrained: Where `init_weights` takes CLIP's own weights from: an open_clip tag (`openai`,
            `laion_aesthetic_s13b_b82k`; downloaded by open_clip) or a file. Building the module never downloads: a
            CLIP-VIS checkpoint holds these weights already. `None` leaves random weights, by `init_cfg` or open_clip.
        quick_gelu: Whether the text tower uses QuickGELU, as OpenAI's weights need it; by default, if `pretrained` is
            `openai`.
        templates: Prompt templates that words are put into, with one `{}` each.
    """

    def __init__(
        self,
        model_name: str,
        pretrained: str | None = None,
        quick_gelu: bool | None = None,
        templates: Sequence[str] = TEMPLATES,
        init_cfg: dict | None = None,
    ) -> None:
        from clipvis_core.models.tokenizer import build_tokenizer

        super().__init__(init_cfg=init_cfg)
        self.model_name = model_name
        self.pretrained = pretrained
        self.clip = build_clip(model_name, pretrained == "openai" if quick_gelu is None else quick_gelu)
        self.clip.requires_grad_(False)
        self.tower = build_tower(self.clip.visual)
        self.words = CLIPWords(self.clip, build_tokenizer(model_name), templates)
        super().train(False)

    @property
    def family(self) -> str:
        """`RN50` or `ConvNeXt-B`, the released kinds."""
        return self.tower.family

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of res2..res5."""
        return self.tower.channels

    @property
    def logit_scale(self) -> Tensor:
        """Factor on cosine similarities: exp of the learnt logarithm, at most 100."""
        return self.clip.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)

    @property
    def embed_dim(self) -> int:
        """D, the length of image and text embeddings."""
        return self.clip.text_projection.shape[1]

    def init_weights(self) -> None:
        """Loads CLIP's pretrained weights where `pretrained` names them.

        Raises:
            InputError: The file is missing, or the download failed.
        """
        if self.pretrained is None:
            super().init_weights()
            return
        from clipvis_core.models.own_architectures import open_clip

        source = self.pretrained
        if os.sep in source and not Path(source).is_file():
            raise InputError(f"CLIP weights {source} not found: give a file, or an open_clip tag such as 'openai'")
        print_log(f"loading CLIP weights {self.model_name}/{source}", logger="current")
        try:
            loaded = open_clip.create_model(self.model_name, pretrained=source)
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"CLIP weights {self.model_name}/{source} could not be loaded ({error}): check the connection, or set "
                "the backbone's `pretrained` to a file you have"
            ) from None
        self.clip.load_state_dict(loaded.state_dict())

    def train(self, mode: bool = True) -> FrozenCLIP:
        """Stays in eval mode whatever `mode` says: BatchNorm statistics are CLIP's."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> EncoderFeatures:
        """Features of normalised RGB images `(B, 3, H, W)`, H and W multiples of 32."""
        return self.tower.features(images)

    @torch.no_grad()
    def region_embeddings(self, dense: Tensor, masks: Tensor) -> Tensor:
        """CLIP features `(B, Q, D)` of bool masks `(B, Q, h, w)` over `dense` `(B, C, h, w)`."""
        return self.tower.pool(dense, masks)

    def encode_text(self, words: Sequence[str]) -> Tensor:
        """Unit vectors of P words in all templates, float32 `(P, D)` on the CPU; see `CLIPWords`."""
        return self.words.encode_text(words)

    def text_fingerprint(self) -> str:
        """Hex digest of the text tower's weights and the templates."""
        return self.words.text_fingerprint()

    def compile(self) -> None:
        """Has `torch.compile` fuse the image encoder from now on."""
        self.tower.compile()


def build_clip(model_name: str, quick_gelu: bool = False) -> CLIP:
    """An open_clip architecture, or one of `model_configs`, with random weights; nothing is downloaded."""
    from clipvis_core.models.own_architectures import open_clip

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # open_clip warns there that weights are random: on purpose here
    try:
        return open_clip.create_model(
            model_name, pretrained=None, force_quick_gelu=quick_gelu, pretrained_image=False, pretrained_text=False
        )
    finally:
        root.setLevel(level)
