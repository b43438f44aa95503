"""One step instead of two resizings and a crop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from clipvis_core.tracking import MaskRenderer, MaskSizes, resize_mask_logits
from clipvis_core.tracking.mask_rendering import bilinear_weights

QUIET = settings(max_examples=40, deadline=None, derandomize=True)


@QUIET
@given(source=st.integers(1, 40), target=st.integers(1, 90))
def test_weights_are_those_of_torch(source, target):
    line = torch.randn((1, 1, source), generator=torch.Generator().manual_seed(source))
    expected = F.interpolate(line, size=target, mode="linear", align_corners=False)[0, 0]
    found = bilinear_weights(source, target) @ line[0, 0].numpy()
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-6)


@QUIET
@given(
    seed=st.integers(0, 2**16),
    cells=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    cut=st.tuples(st.integers(0, 31), st.integers(0, 31)),
    output=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    blob=st.booleans(),
)
def test_masks_are_those_of_the_plain_form(seed, cells, cut, output, blob):
    """Noise, and single blobs, which leave most of the picture uncomputed."""
    logits = torch.randn(cells, generator=torch.Generator().manual_seed(seed))
    if blob:
        rows, columns = (torch.arange(side) - side * 0.3 for side in cells)
        logits = 0.3 * logits + 2 - rows[:, None].abs() / 2 - columns.abs() / 2
    padded = (4 * cells[0], 4 * cells[1])
    image = tuple(max(1, side - lost) for side, lost in zip(padded, cut, strict=True))
    plain = resize_mask_logits(logits[None], padded, image, output)[0].numpy()
    mask = MaskRenderer(MaskSizes(padded, image, output)).render(logits.numpy())
    assert mask.shape == output
    assert mask.flags.f_contiguous
    certain = np.abs(plain) > 1e-5
    np.testing.assert_array_equal(mask[certain], (plain > 0)[certain])
    assert certain.mean() > 0.98 or certain.sum() >= certain.size - 2


def test_nothing_positive_is_an_empty_mask():
    renderer = MaskRenderer(MaskSizes((32, 32), (30, 30), (64, 64)))
    assert not renderer.render(-np.ones((8, 8), np.float32)).any()
    assert not renderer.render(np.full((8, 8), np.nan, np.float32)).any()


@pytest.mark.parametrize("cell", [(0, 0), (7, 7), (3, 0)])
def test_a_single_cell(cell):
    logits = np.full((8, 8), -1.0, np.float32)
    logits[cell] = 5
    sizes = MaskSizes((32, 32), (32, 32), (96, 48))
    plain = resize_mask_logits(torch.from_numpy(logits)[None], *vars(sizes).values())[0] > 0
    np.testing.assert_array_equal(MaskRenderer(sizes).render(logits), plain.numpy())
