"""The base class of the image and the video model: features, queries, words, losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from clipvis_core.checkpoints.keys import to_current
from clipvis_core.foundation.calibration import Calibration
from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.vocabulary import Vocabulary
from clipvis_core.models.arithmetic import Arithmetic
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.models.cuda_graphs import CudaGraphs
from clipvis_core.models.encoder import EncoderFeatures, ImageTextEncoder
from clipvis_core.models.query_decoder import QueryPrediction
from clipvis_core.text import TextClassifier, VocabularyEmbedding, remaining_contrast
from clipvis_core.text.contrast import same_cosine
from clipvis_core.text.naming import name_regions
from clipvis_core.tracking.outputs import FrameOutputs


class CLIPVISModel(BaseDetector):
    """Frozen image-text encoder, query head, criterion and text classifier.

    Args:
        backbone: Config of an `ImageTextEncoder`, such as `FrozenCLIP`.
        head: Config of `CLIPVISHead`.
        criterion: Config of `ClassAgnosticMaskCriterion`; a model that only infers needs none.
        vocabulary: Categories to name, as a list of names or of synonym lists; usually set later, by
            `set_vocabulary`, from the words of a user or of a dataset.
        text: Options of `TextClassifier`: `cache_dir`.
        data_preprocessor: Config of mmdet's preprocessor.

    Attributes:
        arithmetic: How `outputs` computes; set by `Arithmetic.prepare`.
        cuda_graphs: Calls `network`, where it is to be done by CUDA graphs; set by `Arithmetic.prepare`.
        calibration: That of the weights that were loaded, if they have one.
    """

    def __init__(
        self,
        *,
        backbone: ConfigDict,
        head: ConfigDict,
        criterion: ConfigDict | None = None,
        vocabulary: Sequence[str | Sequence[str]] | None = None,
        text: dict[str, Any] | None = None,
        data_preprocessor: ConfigDict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone: ImageTextEncoder = MODELS.build(backbone)
        self.head = MODELS.build(head, default_args=dict(in_channels=self.backbone.channels))
        self.criterion = MODELS.build(criterion) if criterion is not None else None
        self.text_classifier = TextClassifier(self.backbone, **(text or {}))
        self.arithmetic = Arithmetic()
        self.cuda_graphs: CudaGraphs | None = None
        self._vocabulary: Vocabulary | None = None
        self.calibration: Calibration | None = None
        self._embedding: VocabularyEmbedding | None = None
        self._contrast: Vocabulary | None = None
        self._contrast_embedding: VocabularyEmbedding | None = None
        self._same_cosine: tuple[Vocabulary, VocabularyEmbedding, float] | None = None  # of all contrast words
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)
        self.register_load_state_dict_pre_hook(_rename_earlier)
        self.register_load_state_dict_post_hook(_forget_words)

    def set_vocabulary(
        self, vocabulary: Vocabulary | Sequence[str | Sequence[str]], contrast: Vocabulary | None = None
    ) -> None:
        """Sets the K categories to name; their words are encoded at the next prediction.

        Args:
            vocabulary: The categories.
            contrast: Words that nobody asked for, to be compared with; see `remaining_contrast` for those that are.
                What is published (class probabilities and scores) does not depend on them.
        """
        self._vocabulary = Vocabulary.from_categories(vocabulary)
        self._contrast = contrast
        self._embedding = self._contrast_embedding = None

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The categories that are named, or None before they are set."""
        return self._vocabulary

    def vocabulary_embedding(self) -> VocabularyEmbedding:
        """Classifier rows of the vocabulary, encoded on first use.

        Raises:
            InputError: No vocabulary is set, or the encoder cannot read a name.
        """
        if self._embedding is None:
            if self._vocabulary is None:
                raise InputError("the model has no vocabulary: call set_vocabulary with the categories to look for")
            self._embedding = self.text_classifier.embed(self._vocabulary)
            if self._contrast is not None:
                if self._same_cosine is None or self._same_cosine[0] != self._contrast:
                    rows = self.text_classifier.embed(self._contrast)
                    self._same_cosine = self._contrast, rows, same_cosine(rows)
                _, rows, least = self._same_cosine
                self._contrast_embedding = remaining_contrast(self._embedding, rows, least=least)
        device = self.backbone.logit_scale.device
        if self._embedding.rows.device != device:
            self._embedding = self._embedding.to(device)
            if self._contrast_embedding is not None:
                self._contrast_embedding = self._contrast_embedding.to(device)
        return self._embedding

    def contrast_embedding(self) -> VocabularyEmbedding | None:
        """Classifier rows of the contrast words that mean something else than the categories; None without any."""
        self.vocabulary_embedding()
        return self._contrast_embedding

    def extract_feat(self, batch_inputs: Tensor) -> EncoderFeatures:
        """Normalised images `(B, 3, H, W)` to the encoder's features."""
        return self.backbone(batch_inputs)

    @torch.no_grad()
    def outputs(self, images: Tensor) -> FrameOutputs:
        """Outputs of the network for images `(n, 3, H, W)`, normalised and padded.

        Raises:
            InputError: The GPU's memory does not hold them at once; the message says what to try.
        """
        try:
            return self._outputs(images)
        except torch.cuda.OutOfMemoryError:
            raise too_large(images) from None

    def _outputs(self, images: Tensor) -> FrameOutputs:
        network = self.network if self.cuda_graphs is None else self.cuda_graphs
        ious, object_logits, mask_logits, embeddings, regions = network(images)
        with self.arithmetic.running(images.device):
            words = self.vocabulary_embedding(), self.contrast_embedding()
            class_probs, contrast_logits = name_regions(regions, self.backbone.logit_scale, *words)
        return FrameOutputs(
            class_probs=class_probs,
            ious=ious,
            object_logits=object_logits,
            mask_logits=mask_logits,
            embeddings=embeddings,
            contrast_logits=contrast_logits,
            regions=regions,
        )

    def network(self, images: Tensor) -> tuple[Tensor, ...]:
        """The part of `outputs` that no word has to do with, by which it can be repeated as a CUDA graph.

        Returns:
            `ious`, `object_logits`, `mask_logits` and `embeddings` of `FrameOutputs`, float32, and its `regions`.
        """
        with self.arithmetic.running(images.device):
            prediction, dense = self.segment(images)
            regions = self.region_embeddings(prediction.mask_logits, dense)
        masks = prediction.mask_logits.float()
        return prediction.ious.float(), prediction.object_logits.float(), masks, prediction.embeddings.float(), regions

    def segment(self, images: Tensor) -> tuple[QueryPrediction, Tensor]:
        """The last layer's prediction for each image, and the dense features that masks are named from.

        Args:
            images: Normalised and padded, `(B, 3, H, W)`.
        """
        features = self.extract_feat(images)
        return self.head(features.levels)[-1], features.dense

    def classify(self, mask_logits: Tensor, dense: Tensor) -> Tensor:
        """Category logits of masks.

        Args:
            mask_logits: `(B, Q, H/4, W/4)`.
            dense: `(B, C, H/32, W/32)`.

        Returns:
            `(B, Q, K)`, scaled cosines, maximum over synonyms; zeros for a mask that cannot be named.
        """
        return self.vocabulary_embedding().logits(self.region_embeddings(mask_logits, dense), self.backbone.logit_scale)

    def region_embeddings(self, mask_logits: Tensor, dense: Tensor) -> Tensor:
        """The encoder's vectors of masks, `(B, Q, D)`; arguments as for `classify`."""
        masks = F.interpolate(mask_logits, size=dense.shape[-2:], mode="bilinear", align_corners=False) > 0
        return self.backbone.region_embeddings(dense, masks)

    def compute_losses(self, images: Tensor, targets: list[FrameTarget]) -> dict[str, Tensor]:
        """Losses of all decoder layers for images `(B, 3, H, W)`."""
        if self.criterion is None:
            raise ValueError("this model was built without a criterion and cannot be trained")
        predictions = self.head(self.extract_feat(images).levels, all_layers=True)
        return self.criterion(predictions, targets)

    def _forward(self, batch_inputs: Tensor, batch_data_samples: list | None = None) -> QueryPrediction:
        """The network without post-processing (mmengine's `tensor` mode)."""
        return self.segment(batch_inputs)[0]


def target_masks(instances: InstanceData, device: torch.device) -> Tensor:
    """Masks of mmdet's ground truth as bool tensor `(N, H, W)`."""
    return instances.masks.to_tensor(dtype=torch.bool, device=device)


def too_large(images: Tensor) -> InputError:
    """What to do about images `(n, 3, H, W)` for which the memory is too small."""
    number, _, height, width = images.shape
    remedy = "try a smaller --short-side, or --dtype bfloat16"
    if number > 1:
        remedy = f"try --window {number // 2} (in a config: model.window={number // 2}), or --dtype bfloat16"
    return InputError(f"the GPU's memory does not hold {number} frame(s) of {height}x{width} at once: {remedy}")


def _rename_earlier(_model: CLIPVISModel, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Renames weights of a file with earlier names, by whatever way it is loaded."""
    if not prefix:
        current = to_current(state)
        state.clear()
        state.update(current)


def _forget_words(model: CLIPVISModel, _incompatible_keys: object) -> None:
    """New weights may bring another text encoder."""
    model.text_classifier.forget()
    model._embedding = model._contrast_embedding = model._same_cosine = None
