"""Contrastive training of a small CLIP from images and captions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.dist import get_rank, get_world_size
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from open_clip.loss import ClipLoss
from torch import Tensor

from clipvis_core import Vocabulary
from clipvis_core.models.base import target_masks
from clipvis_core.models.clip_backbone import MAX_LOGIT_SCALE, build_clip
from clipvis_core.models.clip_text import CLIPWords, encode_tokens, tokenize
from clipvis_core.models.tokenizer import build_tokenizer
from clipvis_core.models.visual_towers import build_tower
from clipvis_core.text import TEMPLATES, TextClassifier


@MODELS.register_module()
class ContrastiveCLIP(BaseModel):
    """An open_clip model that learns which caption belongs to which image, by the InfoNCE loss.

    In validation it names images, and regions as CLIP-VIS does: pooled by a mask, compared with the words of the
    vocabulary that `VocabularyHook` sets.

    Args:
        model_name: An open_clip architecture that CLIP-VIS has a tower for, such as `clip-nano`.
        templates: Prompt templates of the words.
        data_preprocessor: Config of mmengine's `ImgDataPreprocessor`.
    """

    def __init__(
        self,
        *,
        model_name: str,
        templates: Sequence[str] = TEMPLATES,
        data_preprocessor: ConfigDict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.clip = build_clip(model_name)
        self.clip.visual.to(memory_format=torch.channels_last)  # half as long again on a CPU otherwise
        self.tower = build_tower(self.clip.visual)
        self.tokenizer = build_tokenizer(model_name)
        self.contrast = ClipLoss(local_loss=True, gather_with_grad=True, rank=get_rank(), world_size=get_world_size())
        self.words = TextClassifier(CLIPWords(self.clip, self.tokenizer, templates), cache_dir=False)
        self._vocabulary: Vocabulary | None = None

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Sets the categories to tell apart; their words are encoded with the present weights."""
        self.words.forget()
        self._vocabulary = vocabulary

    def forward(
        self,
        inputs: Tensor,
        captions: list[str] | None = None,
        data_samples: list[DetDataSample] | None = None,
        mode: str = "tensor",
    ) -> Tensor | dict[str, Tensor] | list[DetDataSample]:
        """mmengine's entry.

        Args:
            inputs: Normalised images `(B, 3, H, W)`.
            captions: B captions, for mode "loss".
            data_samples: B samples with `gt_instances`, for mode "predict".
            mode: "loss", "predict", or "tensor" for the image embeddings `(B, D)`.
        """
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        if mode == "loss":
            return self.loss(inputs, captions)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self.clip.encode_image(inputs)

    def loss(self, images: Tensor, captions: list[str]) -> dict[str, Tensor]:
        """The contrastive loss, and how often the right caption of the batch is the nearest."""
        tokens = tokenize(self.tokenizer, captions, self.clip.context_length).to(images.device)
        image_features = F.normalize(self.clip.encode_image(images).float(), dim=-1)
        text_features = F.normalize(encode_tokens(self.clip, tokens).float(), dim=-1)
        scale = self.clip.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)
        with torch.no_grad():
            nearest = (image_features @ text_features.T).argmax(dim=1)
            hits = (nearest == torch.arange(len(nearest), device=nearest.device)).float().mean()
        return {
            "loss_contrastive": self.contrast(image_features, text_features, scale),
            "top1": hits,
            "logit_scale": scale.detach(),
        }

    def predict(self, images: Tensor, data_samples: list[DetDataSample]) -> list[DetDataSample]:
        """Names each image (`image_label`) and the region of each ground-truth mask (`pred_instances.labels`)."""
        embedding = self.words.embed(self._vocabulary).to(images.device)
        dense = self.tower.features(images).dense
        whole = embedding.logits(self.clip.visual.attnpool(dense), 1.0).argmax(dim=-1)
        for index, sample in enumerate(data_samples):
            cells = mask_cells(target_masks(sample.gt_instances, images.device), dense.shape[-2:])
            pooled = self.tower.pool(dense[index : index + 1], cells[None])[0]
            labels = embedding.logits(pooled, 1.0).argmax(dim=-1)
            sample.pred_instances = InstanceData(labels=labels)
            sample.set_field(int(whole[index]), "image_label")
        return data_samples


def mask_cells(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """The cells of the dense features that lie in each mask, found as CLIP-VIS finds them.

    Args:
        masks: bool `(N, H, W)`.
        size: (h, w) of the dense features.

    Returns:
        bool `(N, h, w)`.
    """
    height, width = masks.shape[-2:]
    # One channel each: an image without an instance has no mask, and interpolation takes empty batches only.
    logits = masks[:, None].float() - 0.5
    logits = F.interpolate(logits, size=(height // 4, width // 4), mode="area")
    logits = F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)
    return logits[:, 0] > 0
