"""A check that an encoder does what `ImageTextEncoder` says, to be called in its tests."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clipvis_core.models.encoder import EncoderFeatures, ImageTextEncoder

_IMAGE_SIZE = (64, 96)
_TOLERANCE = dict(rtol=1e-3, atol=1e-4)


def check_encoder(encoder: ImageTextEncoder, words: Sequence[str] = ("dog", "red car")) -> None:
    """Checks all that the Protocol says and that random images can show.

    Args:
        encoder: A built encoder, on any device.
        words: Two or more different words that it can read.

    Raises:
        AssertionError: Something is otherwise; the message says what.
    """
    _check_frozen(encoder)
    _check_numbers(encoder)
    device = encoder.logit_scale.device
    images = torch.randn((2, 3, *_IMAGE_SIZE), generator=torch.Generator().manual_seed(0))
    features = encoder(images.to(device))
    _check_features(encoder, features)
    _same(encoder(images[:1].to(device)).dense, features.dense[:1], "an image depends on its batch")
    _check_regions(encoder, features.dense)
    _check_words(encoder, words)


def _check_frozen(encoder: nn.Module) -> None:
    encoder.train()
    _demand(not any(module.training for module in encoder.modules()), "it leaves the eval mode")
    trainable = [name for name, weight in encoder.named_parameters() if weight.requires_grad]
    _demand(not trainable, f"parameters are not frozen: {', '.join(trainable[:3])}")


def _check_numbers(encoder: ImageTextEncoder) -> None:
    _demand(isinstance(encoder.family, str) and encoder.family, "family is not a name")
    scale = encoder.logit_scale
    _demand(isinstance(scale, Tensor) and scale.shape == (), "logit_scale is no tensor of shape ()")
    _demand(bool(scale.isfinite() and scale > 0), f"logit_scale is {float(scale)}")
    elsewhere = {tensor.device for tensor in encoder.state_dict().values()} - {scale.device}
    _demand(not elsewhere, f"logit_scale is on {scale.device}, weights on {elsewhere}")


def _check_features(encoder: ImageTextEncoder, features: EncoderFeatures) -> None:
    height, width = _IMAGE_SIZE
    strides = zip(encoder.channels, (4, 8, 16, 32), strict=True)
    expected = [(2, channels, height // stride, width // stride) for channels, stride in strides]
    shapes = [tuple(level.shape) for level in features.levels]
    _demand(shapes == expected, f"levels have shapes {shapes} instead of {expected}")
    shape = tuple(features.dense.shape)
    _demand(len(shape) == 4 and shape[2:] == (height // 32, width // 32), f"dense has shape {shape}")
    for tensor in (*features.levels, features.dense):
        _demand(not tensor.requires_grad, "features carry a gradient")
        _demand(bool(tensor.isfinite().all()), "features are not finite")


def _check_regions(encoder: ImageTextEncoder, dense: Tensor) -> None:
    masks = torch.zeros((2, 3, *dense.shape[2:]), dtype=torch.bool, device=dense.device)
    masks[:, 0] = True
    masks[:, 1, 0, 0] = True  # the third has no cell
    rows = encoder.region_embeddings(dense, masks)
    shape = tuple(rows.shape)
    _demand(shape == (2, 3, encoder.embed_dim), f"region_embeddings has shape {shape} for D = {encoder.embed_dim}")
    _demand(bool(rows.isfinite().all()), "region_embeddings is not finite (the empty mask?)")
    _demand(not rows.requires_grad, "region_embeddings carries a gradient")
    _same(encoder.region_embeddings(dense, masks[:, 1:2]), rows[:, 1:2], "a mask's vector depends on the other masks")


def _check_words(encoder: ImageTextEncoder, words: Sequence[str]) -> None:
    rows = encoder.encode_text(words)
    _demand(
        rows.shape == (len(words), encoder.embed_dim) and rows.dtype == torch.float32 and rows.device.type == "cpu",
        f"encode_text gives {rows.dtype} {tuple(rows.shape)} on {rows.device} for D = {encoder.embed_dim}",
    )
    _same(rows.norm(dim=-1), torch.ones(len(words)), "rows of words are not unit vectors")
    _same(encoder.encode_text(words[::-1]).flip(0), rows, "a word's row depends on the other words")
    _demand(not torch.equal(rows[0], rows[1]), "two words have one row")
    fingerprint = encoder.text_fingerprint()
    _demand(
        isinstance(fingerprint, str) and fingerprint.isalnum(),
        f"text_fingerprint {fingerprint!r} is no part of a file name: letters and digits only",
    )
    _demand(encoder.text_fingerprint() == fingerprint, "text_fingerprint changes between calls")


def _same(one: Tensor, other: Tensor, fault: str) -> None:
    _demand(torch.allclose(one, other, **_TOLERANCE), fault)


def _demand(true: bool, fault: str) -> None:
    if not true:
        raise AssertionError(fault)
