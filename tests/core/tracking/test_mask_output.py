"""Masks at output size and their codes."""

from __future__ import annotations

import json

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from clipvis_core.tracking import encode_masks, resize_mask_logits


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**16), number=st.integers(0, 4), height=st.integers(1, 17), width=st.integers(1, 17))
def test_codes_decode_to_the_masks(seed, number, height, width):
    masks = torch.rand((number, height, width), generator=torch.Generator().manual_seed(seed)) > 0.5
    records = json.loads(json.dumps(encode_masks(masks)))
    assert len(records) == number
    for record, mask in zip(records, masks.numpy(), strict=True):
        assert record["size"] == [height, width]
        np.testing.assert_array_equal(coco_mask.decode(record), mask)
        reference = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert record["counts"].encode() == reference["counts"]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**16), split=st.integers(1, 5))
def test_two_steps_with_the_crop_between(seed, split):
    logits = torch.randn((5, 8, 8), generator=torch.Generator().manual_seed(seed))
    whole = resize_mask_logits(logits, (32, 32), (27, 30), (50, 41))
    padded = F.interpolate(logits[None], size=(32, 32), mode="bilinear", align_corners=False)
    expected = F.interpolate(padded[..., :27, :30], size=(50, 41), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(whole, expected, atol=0, rtol=0)
    parts = torch.cat([resize_mask_logits(part, (32, 32), (27, 30), (50, 41)) for part in logits.split(split)])
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)


def test_a_mask_without_a_positive_logit_stays_empty():
    """What lets the video model skip such masks before resizing them."""
    logits = -torch.rand((3, 8, 8), generator=torch.Generator().manual_seed(0))
    assert not (resize_mask_logits(logits, (32, 32), (30, 30), (64, 64)) > 0).any()


def test_no_mask_at_all():
    assert resize_mask_logits(torch.empty(0, 8, 8), (32, 32), (27, 30), (50, 41)).shape == (0, 50, 41)
