"""Our forward of the pixel decoder against mmdet's."""

from __future__ import annotations

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config

from clipvis_core.models import CLIPVISPixelDecoder

CHANNELS = [8, 16, 24, 32]


@pytest.fixture(scope="module")
def decoders(repo_root):
    """mmdet's and ours, small, with the same weights."""
    config = Config.fromfile(repo_root / "configs/quick/clips.py").model.head.pixel_decoder
    built = []
    for name in ("MSDeformAttnPixelDecoder", CLIPVISPixelDecoder.__name__):
        torch.manual_seed(0)
        decoder = MODELS.build(
            {**config, "type": name}, default_args=dict(in_channels=CHANNELS, feat_channels=64, out_channels=64)
        )
        decoder.init_weights()
        built.append(decoder)
    for attention in (layer.self_attn for layer in built[0].encoder.layers):
        torch.nn.init.normal_(attention.sampling_offsets.weight, std=0.05)
        torch.nn.init.normal_(attention.attention_weights.weight, std=0.2)
    built[1].load_state_dict(built[0].state_dict())
    return built


def features(batch: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(batch, channels, 64 // stride, 96 // stride, generator=generator)
        for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize("batch", [1, 3])
@torch.no_grad()
def test_same_numbers_as_mmdet(decoders, batch):
    (expected_masks, expected), (masks, scales) = (decoder(features(batch)) for decoder in decoders)
    torch.testing.assert_close(masks, expected_masks, atol=2e-5, rtol=1e-4)
    assert len(scales) == len(expected) == 3
    for scale, stock in zip(scales, expected, strict=True):
        torch.testing.assert_close(scale, stock, atol=2e-5, rtol=1e-4)


def test_same_gradients_as_mmdet(decoders):
    for decoder in decoders:
        decoder.zero_grad()
        masks, scales = decoder.double()([feature.double() for feature in features(2)])
        (masks.square().mean() + sum(scale.square().mean() for scale in scales)).backward()
    for (name, stock), (_, ours) in zip(*(decoder.named_parameters() for decoder in decoders), strict=True):
        torch.testing.assert_close(ours.grad, stock.grad, atol=1e-6, rtol=1e-3, msg=name)
    for decoder in decoders:
        decoder.float()
