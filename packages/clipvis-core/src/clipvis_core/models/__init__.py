"""The network as mmdet components; importing this registers them."""

# ruff: noqa: E402 - the check comes before anything imports mmdet

from clipvis_core.foundation.mmcv_operators import check_mmcv_version

check_mmcv_version()

from clipvis_core.models.arithmetic import Arithmetic
from clipvis_core.models.clip_backbone import FrozenCLIP
from clipvis_core.models.conse_encoder import ConSEEncoder
from clipvis_core.models.criterion import ClassAgnosticMaskCriterion
from clipvis_core.models.head import CLIPVISHead
from clipvis_core.models.image_model import CLIPVISImage
from clipvis_core.models.pixel_decoder import CLIPVISPixelDecoder
from clipvis_core.models.query_decoder import CLIPVISQueryDecoder, QueryPrediction
from clipvis_core.models.video_model import CLIPVISVideo
from clipvis_core.models.vocabulary_hook import VocabularyHook

__all__ = [
    "Arithmetic",
    "CLIPVISHead",
    "CLIPVISImage",
    "CLIPVISPixelDecoder",
    "CLIPVISQueryDecoder",
    "CLIPVISVideo",
    "ClassAgnosticMaskCriterion",
    "ConSEEncoder",
    "FrozenCLIP",
    "QueryPrediction",
    "VocabularyHook",
]
