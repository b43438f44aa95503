"""The forms of deformable attention on a GPU against each other, and against float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clipvis_core.models import deformable_attention as module
from clipvis_core.models.deformable_attention import deformable_attention

SIZES = ((15, 27), (30, 54), (60, 108))
#: Largest error as a share of the largest value.
TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1.5e-2}


def arguments(sizes: tuple, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Places up to two cells outside, none near a centre, where rounding decides between two slopes."""
    generator = torch.Generator().manual_seed(0)
    cells = sum(height * width for height, width in sizes)
    corners = torch.tensor(sizes).T.flip(0)[:, None, :, None]
    places = torch.rand((2, cells, 2, 8, len(sizes), 4), generator=generator) * (corners + 4) - 2
    places = places.floor() + 0.05 + 0.9 * places.frac().abs()
    weights = torch.randn((2, cells, 8, len(sizes), 4), generator=generator)
    value = torch.randn((2, cells, 8, 32), generator=generator)
    return value.to("cuda", dtype), places.cuda(), weights.cuda()


def outputs_and_gradients(form: str, value: Tensor, sizes: tuple, places: Tensor, weights: Tensor) -> list[Tensor]:
    leaves = [tensor.clone().requires_grad_() for tensor in (value, places, weights)]
    output = deformable_attention(leaves[0], sizes, *leaves[1:], form=form)
    slope = torch.arange(output.numel(), device="cuda") % 17 / 16 - 0.5
    output.backward(slope.view(output.shape).to(output.dtype))
    return [tensor.detach().double() for tensor in (output, *(leaf.grad for leaf in leaves))]


@pytest.mark.parametrize("sizes", [SIZES, ((1, 1), (3, 2), (1, 9))], ids=["a frame", "odd"])
@pytest.mark.parametrize(
    ("form", "dtype"),
    [*(("triton", dtype) for dtype in TOLERANCE), ("mmcv", torch.float32), ("pytorch", torch.float32)],
)
def test_forms_are_those_of_float64(form, dtype, sizes, record_property):
    if form == "mmcv" and not module.has_mmcv_kernel():
        pytest.skip("this mmcv was not compiled with its CUDA operators")
    value, places, weights = arguments(sizes, dtype)
    found = outputs_and_gradients(form, value, sizes, places, weights)
    exact = outputs_and_gradients("pytorch", value.double(), sizes, places.double(), weights.double())
    names = ("output", "value", "places", "weights")
    errors = {
        name: float((ours - theirs).abs().max() / theirs.abs().max())
        for name, ours, theirs in zip(names, found, exact, strict=True)
    }
    record_property("errors", errors)
    assert max(errors.values()) < TOLERANCE[dtype], errors


def test_triton_is_the_default():
    assert module.has_triton()
    assert module.default_form(torch.zeros(1, device="cuda")) == "triton"


def test_far_places_and_what_is_not_a_number():
    value, places, weights = arguments(((3, 2),), torch.float32)
    places[0, 0] = 1e30
    places[0, 1] = torch.nan
    output = deformable_attention(value, ((3, 2),), places, weights, "triton")
    assert (output[0, 0] == 0).all()
    assert output[0, 1].isnan().all()
    assert output[0, 2:].isfinite().all()


def test_inductor_takes_the_operator():
    value, places, weights = arguments(((3, 2), (6, 4)), torch.float32)

    @torch.compile(fullgraph=True)
    def doubled(value, places, weights):
        return 2 * deformable_attention(2 * value, ((3, 2), (6, 4)), places, weights)

    expected = 4 * deformable_attention(value, ((3, 2), (6, 4)), places, weights)
    torch.testing.assert_close(doubled(value, places, weights), expected, atol=1e-4, rtol=1e-4)
