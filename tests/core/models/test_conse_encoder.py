"""The encoder made of an image classifier and a word table."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmdet.registry import MODELS

from clipvis_core.checkpoints import write_weights
from clipvis_core.foundation.errors import InputError
from clipvis_core.models import ConSEEncoder
from clipvis_core.models.efficientnet_trunk import DENSE_CHANNELS


@pytest.fixture(scope="module")
def encoder() -> ConSEEncoder:
    """Random weights, with BatchNorm statistics that are not the neutral ones."""
    torch.manual_seed(0)
    encoder = MODELS.build(dict(type="ConSEEncoder", num_labels=30, embed_dim=8, likeliest=4, _scope_="mmdet"))
    for name, buffer in encoder.trunk.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return encoder


def test_levels_have_the_promised_shapes(encoder: ConSEEncoder) -> None:
    features = encoder(torch.randn(2, 3, 64, 96))
    assert [tuple(level.shape) for level in features.levels] == [
        (2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(encoder.channels, (4, 8, 16, 32), strict=True)
    ]
    assert features.dense.shape == (2, DENSE_CHANNELS, 2, 3)


def test_folded_trunk_computes_what_timm_does(encoder: ConSEEncoder) -> None:
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = encoder.trunk.forward_features(images)
    torch.testing.assert_close(encoder(images).dense, expected, rtol=1e-3, atol=1e-4)


def test_frozen_and_in_eval_mode_for_ever(encoder: ConSEEncoder) -> None:
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    encoder.train()
    assert not any(module.training for module in encoder.modules())


def test_region_vector_is_the_weighted_sum_of_its_likeliest_labels(encoder: ConSEEncoder) -> None:
    generator = torch.Generator().manual_seed(1)
    dense = 30 * torch.randn(2, DENSE_CHANNELS, 4, 5, generator=generator)
    masks = torch.rand(2, 3, 4, 5, generator=generator) > 0.5

    vectors = encoder.region_embeddings(dense, masks)

    assert vectors.shape == (2, 3, 8)
    for image in range(2):
        for query in range(3):
            mean = dense[image][:, masks[image, query]].mean(dim=1)
            probabilities = encoder.classifier(mean).softmax(dim=0)
            expected = torch.zeros(8)
            for label in probabilities.argsort(descending=True)[:4]:
                expected += probabilities[label] * encoder.label_vectors[label]
            torch.testing.assert_close(vectors[image, query], expected, rtol=1e-4, atol=1e-5)


def test_mask_without_a_cell_cannot_be_named(encoder: ConSEEncoder) -> None:
    masks = torch.ones(1, 3, 2, 2, dtype=torch.bool)
    masks[0, 1] = False
    vectors = encoder.region_embeddings(torch.randn(1, DENSE_CHANNELS, 2, 2), masks)
    assert (vectors.abs().sum(dim=-1) > 0).tolist() == [[True, False, True]]


def test_region_vectors_are_float32_under_autocast(encoder: ConSEEncoder) -> None:
    dense = torch.randn(1, DENSE_CHANNELS, 2, 2).bfloat16()
    masks = torch.ones(1, 1, 2, 2, dtype=torch.bool)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = encoder.region_embeddings(dense, masks)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors, encoder.region_embeddings(dense.float(), masks))


def test_words_have_unit_vectors(encoder: ConSEEncoder) -> None:
    vectors = encoder.encode_text(["dog", "double-decker bus", "qwxyz"])
    assert vectors.shape == (3, encoder.embed_dim)
    torch.testing.assert_close(vectors, F.normalize(vectors, dim=-1))
    assert torch.equal(vectors, encoder.encode_text(["dog", "double-decker bus", "qwxyz"]))


def test_temperature_is_a_positive_scalar(encoder: ConSEEncoder) -> None:
    assert encoder.logit_scale.shape == ()
    assert encoder.logit_scale > 0


def test_pretrained_weights_are_loaded(encoder: ConSEEncoder, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    write_weights(encoder.state_dict(), path, dtype=torch.float32)
    loaded = ConSEEncoder(num_labels=30, embed_dim=8, pretrained=str(path))
    fingerprint = loaded.text_fingerprint()

    loaded.init_weights()

    assert loaded.text_fingerprint() == encoder.text_fingerprint() != fingerprint
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_missing_pretrained_file_is_named(tmp_path: Path) -> None:
    encoder = ConSEEncoder(num_labels=30, embed_dim=8, pretrained=str(tmp_path / "no.safetensors"))
    with pytest.raises(InputError, match=r"no\.safetensors not found: make them with projects/photo_mini/tools/build"):
        encoder.init_weights()


def test_weights_of_another_size_are_refused(encoder: ConSEEncoder, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    write_weights(encoder.state_dict(), path)
    other = ConSEEncoder(num_labels=31, embed_dim=8, pretrained=str(path))
    with pytest.raises(InputError, match="holds no weights of this encoder"):
        other.init_weights()
