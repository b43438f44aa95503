"""The pixel decoder against mmdet's."""

from __future__ import annotations

import pytest
import torch
from mmdet.models.layers import MSDeformAttnPixelDecoder, SinePositionalEncoding
from mmengine.config import ConfigDict

from clipvis_core.checkpoints import to_current
from clipvis_core.models import CLIPVISPixelDecoder
from clipvis_core.models.positions import sine_positions

IN_CHANNELS = [8, 16, 24, 32]
PREFIX = "head.pixel_decoder."


def our_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = to_current({PREFIX + name: tensor for name, tensor in tensors.items()})
    return {name.removeprefix(PREFIX): tensor for name, tensor in renamed.items()}


def build_mmdet() -> MSDeformAttnPixelDecoder:
    attention = dict(embed_dims=64, num_heads=4, num_levels=3, num_points=4, dropout=0.0, batch_first=True)
    ffn = dict(embed_dims=64, feedforward_channels=256, num_fcs=2, ffn_drop=0.0, act_cfg=dict(type="ReLU"))
    return MSDeformAttnPixelDecoder(
        in_channels=IN_CHANNELS,
        feat_channels=64,
        out_channels=64,
        norm_cfg=dict(type="GN", num_groups=8),
        encoder=ConfigDict(num_layers=3, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
        positional_encoding=dict(num_feats=32, normalize=True),
    )


def build_ours() -> CLIPVISPixelDecoder:
    return CLIPVISPixelDecoder(
        in_channels=IN_CHANNELS, channels=64, num_heads=4, num_layers=3, ffn_channels=256, norm_groups=8
    )


@pytest.fixture(scope="module")
def decoders():
    """mmdet's and ours, small, with the same weights."""
    torch.manual_seed(0)
    stock, ours = build_mmdet(), build_ours()
    stock.init_weights()
    for attention in (layer.self_attn for layer in stock.encoder.layers):
        torch.nn.init.normal_(attention.sampling_offsets.weight, std=0.05)
        torch.nn.init.normal_(attention.attention_weights.weight, std=0.2)
    ours.load_state_dict(our_names(stock.state_dict()))
    return stock, ours


def features(batch: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(batch, channels, 64 // stride, 96 // stride, generator=generator)
        for channels, stride in zip(IN_CHANNELS, (4, 8, 16, 32), strict=True)
    ]


def test_same_initial_weights_as_mmdet():
    states = []
    for build in (build_mmdet, build_ours):
        torch.manual_seed(0)
        decoder = build()
        decoder.init_weights()
        states.append(decoder.state_dict())
    expected, state = our_names(states[0]), states[1]
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("batch", [1, 3])
@torch.no_grad()
def test_same_numbers_as_mmdet(decoders, batch):
    (expected_masks, expected), (masks, scales) = (decoder(features(batch)) for decoder in decoders)
    torch.testing.assert_close(masks, expected_masks, atol=2e-5, rtol=1e-4)
    assert len(scales) == len(expected) == 3
    for scale, stock in zip(scales, expected, strict=True):
        torch.testing.assert_close(scale, stock, atol=2e-5, rtol=1e-4)


def test_same_gradients_as_mmdet(decoders):
    found = []
    for decoder in decoders:
        decoder.zero_grad()
        masks, scales = decoder.double()([feature.double() for feature in features(2)])
        (masks.square().mean() + sum(scale.square().mean() for scale in scales)).backward()
        found.append({name: parameter.grad for name, parameter in decoder.named_parameters()})
    for decoder in decoders:
        decoder.float()
    expected, ours = our_names(found[0]), found[1]
    assert ours.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-6, rtol=1e-3, msg=name)


@pytest.mark.parametrize("size", [(1, 1), (15, 27), (60, 107)])
def test_same_positions_as_mmdet(size):
    expected = SinePositionalEncoding(num_feats=32, normalize=True)(torch.zeros((1, *size), dtype=torch.bool))
    (positions,) = sine_positions((size,), 64, torch.float32, torch.device("cpu"))
    assert torch.equal(positions, expected.flatten(2).transpose(1, 2))


def test_what_is_kept_while_inferring_serves_training():
    decoder = build_ours()
    levels = [feature[..., :-1] for feature in features(1)]  # a size of its own
    with torch.inference_mode():
        decoder(levels)
    decoder(levels)[0].sum().backward()
    assert decoder.layers[0].attention.sampling_offsets.bias.grad.abs().sum() > 0


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match="64 channels cannot be shared by 5 heads"):
        CLIPVISPixelDecoder(in_channels=IN_CHANNELS, channels=64, num_heads=5)
