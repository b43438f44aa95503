"""Masks coded where they are: the same codes as those of the CPU's way. What a GPU would do is done on the CPU here."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from clipvis_core.tracking import MaskSizes, resize_mask_logits
from clipvis_core.tracking.mask_coding import DeviceMaskCoder, HostMaskCoder, codes_of, mask_coder

QUIET = settings(max_examples=60, deadline=None, derandomize=True)
CPU = torch.device("cpu")


@QUIET
@given(
    seed=st.integers(0, 2**16),
    number=st.integers(0, 5),
    height=st.integers(1, 33),
    width=st.integers(1, 33),
    share=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
)
def test_codes_of_masks_are_pycocotools(seed, number, height, width, share):
    masks = torch.rand((number, height, width), generator=torch.Generator().manual_seed(seed)) < share
    found = codes_of(masks)
    assert len(found) == number
    for code, mask in zip(found, masks.numpy(), strict=True):
        reference = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
        assert code == (reference if mask.any() else None)


@QUIET
@given(
    seed=st.integers(0, 2**16),
    cells=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    cut=st.tuples(st.integers(0, 31), st.integers(0, 31)),
    output=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    number=st.integers(1, 4),
)
def test_both_ways_give_the_same_codes(seed, cells, cut, output, number):
    """Byte for byte, where no pixel is so near to zero that rounding decides; there, but for such pixels."""
    logits = torch.randn((number, *cells), generator=torch.Generator().manual_seed(seed))
    logits[0] -= 9.0
    padded = (4 * cells[0], 4 * cells[1])
    image = tuple(max(1, side - lost) for side, lost in zip(padded, cut, strict=True))
    sizes = MaskSizes(padded, image, output)
    queries = torch.arange(number).flip(0)
    host, device = HostMaskCoder(sizes), DeviceMaskCoder(sizes, CPU)
    pairs = zip(host.codes(host.rows(logits, queries)), device.codes(device.rows(logits, queries)), strict=True)
    plain = resize_mask_logits(logits[queries], padded, image, output).numpy()
    for (ours, theirs), exact in zip(pairs, plain, strict=True):
        certain = np.abs(exact) > 1e-5
        if certain.all():
            assert ours == theirs
        else:
            decoded = [np.zeros(output, bool) if code is None else decode(code, output) for code in (ours, theirs)]
            np.testing.assert_array_equal(decoded[0][certain], decoded[1][certain])


def decode(code: bytes, size: tuple[int, int]) -> np.ndarray:
    return coco_mask.decode({"size": list(size), "counts": code}).astype(bool)


def test_many_masks_go_part_by_part(monkeypatch):
    sizes = MaskSizes((32, 48), (30, 45), (50, 70))
    logits = torch.randn((7, 8, 12), generator=torch.Generator().manual_seed(0))
    whole = DeviceMaskCoder(sizes, CPU)
    monkeypatch.setattr("clipvis_core.tracking.mask_coding._PIXELS_AT_ONCE", 2 * 50 * 70)
    parts = DeviceMaskCoder(sizes, CPU)
    order = torch.arange(7)
    assert parts._masks_at_once == 2
    assert parts.codes(parts.rows(logits, order)) == whole.codes(whole.rows(logits, order))


def test_the_device_chooses():
    sizes = MaskSizes((32, 48), (30, 45), (50, 70))
    assert isinstance(mask_coder(sizes, CPU), HostMaskCoder)
    assert isinstance(mask_coder(sizes, torch.device("meta")), DeviceMaskCoder)
