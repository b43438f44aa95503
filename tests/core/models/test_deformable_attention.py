"""Deformable attention: which form is taken, and each form against mmcv's."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.ops import MultiScaleDeformableAttention
from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

from clipvis_core.models import deformable_attention as module
from clipvis_core.models.deformable_attention import FORMS, default_form, deformable_attention
from clipvis_core.models.pixel_decoder import DeformableSelfAttention, cell_centres

sides = st.integers(1, 7)
sizes = st.lists(st.tuples(sides, sides), min_size=1, max_size=3).map(tuple)
PORTABLE = ["embedding_bag", "pytorch"]


class OnGPU:
    """A tensor that says it is on a GPU."""

    device = torch.device("cuda")
    is_cuda = True

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype


@pytest.mark.parametrize(
    ("triton", "dtype", "compiled_with", "compiling", "form"),
    [
        (True, torch.float32, "13.0", False, "triton"),
        (True, torch.bfloat16, "not available", True, "triton"),
        (True, torch.float64, "13.0", False, "mmcv"),
        (False, torch.float32, "not available", False, "pytorch"),
        (False, torch.float32, "13.0", False, "mmcv"),
        (False, torch.float32, "13.0", True, "pytorch"),
    ],
)
def test_a_kernel_only_where_it_is_there(monkeypatch, triton, dtype, compiled_with, compiling, form):
    monkeypatch.setattr(module, "has_triton", lambda: triton)
    monkeypatch.setattr("mmcv.ops.get_compiling_cuda_version", lambda: compiled_with)
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: compiling)
    module.has_mmcv_kernel.cache_clear()
    assert default_form(OnGPU(dtype)) == form
    assert default_form(torch.zeros(1)) == "embedding_bag"
    module.has_mmcv_kernel.cache_clear()


def test_the_portable_forms_need_no_mmcv_operators():
    """In an interpreter where mmcv.ops cannot be imported; the package's own `__init__` is passed by."""
    code = """
import importlib.util, sys, types
sys.modules["mmcv.ops"] = None
import clipvis_core
package = types.ModuleType("clipvis_core.models")
package.__path__ = [clipvis_core.__path__[0] + "/models"]
sys.modules["clipvis_core.models"] = package
import torch
from clipvis_core.models.deformable_attention import deformable_attention, has_mmcv_kernel
assert not has_mmcv_kernel()
for form in ("embedding_bag", "pytorch"):
    places, weights = torch.ones(1, 5, 2, 2, 1, 4), torch.ones(1, 5, 2, 1, 4)
    deformable_attention(torch.randn(1, 6, 2, 4), ((2, 3),), places, weights, form)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def random_arguments(sizes, batch, num_heads, num_points, reach, dtype=torch.float64):
    """Values, places up to a few times `reach` cells away from the image, weights; 9 queries."""
    count = sum(height * width for height, width in sizes)
    value = torch.randn(batch, count, num_heads, 8, dtype=dtype)
    corners = torch.tensor(sizes, dtype=dtype).T.flip(0)[:, None, :, None]  # (2, 1, scales, 1)
    places = torch.rand(batch, 9, 2, num_heads, len(sizes), num_points, dtype=dtype) * corners
    places = places + reach * torch.randn_like(places)
    weights = torch.randn(batch, 9, num_heads, len(sizes), num_points, dtype=dtype)
    return value, places, weights


def mmcv_pytorch(value, sizes, places, weights) -> torch.Tensor:
    """mmcv's own form, which counts places from 0 to 1."""
    corners = torch.tensor(sizes, dtype=places.dtype).flip(-1)[:, None]
    return multi_scale_deformable_attn_pytorch(value, sizes, (places.movedim(2, -1) - 0.5) / corners, weights)


def by_definition(value, sizes, places, weights) -> torch.Tensor:
    """Equation 1, cell by cell: each cell weighs 1 - distance in x times 1 - distance in y where that is positive."""
    batch, _, heads, channels = value.shape
    result = torch.zeros(batch, places.shape[1], heads, channels, dtype=value.dtype)
    start = 0
    for scale, (height, width) in enumerate(sizes):
        for row in range(height):
            for column in range(width):
                x, y = places[:, :, 0, :, scale], places[:, :, 1, :, scale]
                near = (1 - (x - column - 1).abs()).clamp(min=0) * (1 - (y - row - 1).abs()).clamp(min=0)
                weight = (near * weights[:, :, :, scale]).sum(dim=-1)
                result += weight[..., None] * value[:, None, start + row * width + column]
        start += height * width
    return result.flatten(2)


def outputs_and_gradients(form, value, sizes, places, weights) -> list[torch.Tensor]:
    leaves = [tensor.clone().requires_grad_() for tensor in (value, places, weights)]
    output = form(leaves[0], sizes, *leaves[1:])
    (output * torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape)).sum().backward()
    return [output.detach(), *(leaf.grad for leaf in leaves)]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    sizes=sizes,
    batch=st.integers(1, 2),
    num_heads=st.sampled_from([1, 3]),
    num_points=st.sampled_from([1, 4]),
    reach=st.sampled_from([0.3, 2.0, 9.0]),
    seed=st.integers(0, 99),
)
def test_forms_are_equation_1_and_mmcvs_with_gradients(sizes, batch, num_heads, num_points, reach, seed):
    torch.manual_seed(seed)
    value, places, weights = random_arguments(sizes, batch, num_heads, num_points, reach)
    expected = outputs_and_gradients(mmcv_pytorch, value, sizes, places, weights)
    torch.testing.assert_close(by_definition(value, sizes, places, weights), expected[0], atol=1e-9, rtol=1e-9)
    for name in PORTABLE:
        found = outputs_and_gradients(FORMS[name], value, sizes, places, weights)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9, msg=name)


def test_mmcvs_kernel_is_given_what_it_takes(monkeypatch):
    """Its arguments go through mmcv's own form here."""

    class Function:
        @staticmethod
        def apply(value, shapes, starts, places, weights, images_at_once):
            assert starts.tolist() == [0, 12]
            assert all(tensor.is_contiguous() for tensor in (value, places, weights))
            return multi_scale_deformable_attn_pytorch(value, shapes, places, weights)

    monkeypatch.setattr("mmcv.ops.multi_scale_deform_attn.MultiScaleDeformableAttnFunction", Function)
    sizes = ((3, 4), (5, 2))
    arguments = random_arguments(sizes, 2, 2, 4, 1.0)
    expected = mmcv_pytorch(arguments[0], sizes, *arguments[1:])
    found = deformable_attention(arguments[0], sizes, *arguments[1:], form="mmcv")
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("form", PORTABLE)
def test_points_on_the_border_and_far_outside(form):
    """Whole and half cells, where rounding picks the cell, and distances no image has."""
    sizes = ((3, 4), (5, 2))
    value, places, weights = random_arguments(sizes, 1, 2, 8, 0.0, torch.float32)
    places[:] = torch.tensor([-1e6, -2.0, 0.0, 0.5, 1.0, 1.5, 2.0, 1e6])
    found = deformable_attention(value, sizes, places, weights, form)
    torch.testing.assert_close(found, mmcv_pytorch(value, sizes, places, weights), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("form", PORTABLE)
@torch.no_grad()
def test_float32_is_near_float64_at_a_videos_sizes(form):
    sizes = ((12, 20), (24, 40), (48, 80))
    torch.manual_seed(0)
    value, places, weights = random_arguments(sizes, 1, 8, 4, 2.0)
    exact = mmcv_pytorch(value, sizes, places, weights)
    found = deformable_attention(value.float(), sizes, places.float(), weights.float(), form)
    torch.testing.assert_close(found, exact.float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", PORTABLE)
@torch.no_grad()
def test_not_a_number_is_handed_on(form):
    """So that a run that diverges ends at its loss, not in an index."""
    value, places, weights = random_arguments(((2, 3),), 1, 1, 2, 1.0, torch.float32)
    weights[0, 2] = torch.nan
    places[0, 3] = torch.nan
    output = deformable_attention(value, ((2, 3),), places, weights, form)
    assert output[0, 2].isnan().all()


@pytest.mark.parametrize("form", PORTABLE)
def test_forms_can_be_exported(form):
    class Model(torch.nn.Module):
        def forward(self, value, places, weights):
            return deformable_attention(value, ((3, 4), (5, 2)), places, weights, form)

    arguments = random_arguments(((3, 4), (5, 2)), 1, 2, 4, 1.0, torch.float32)
    program = torch.export.export(Model(), arguments).module()
    torch.testing.assert_close(program(*arguments), Model()(*arguments))


def mmcv_module(sizes, num_heads) -> MultiScaleDeformableAttention:
    """Attention of 8 channels a head whose points lie a few cells away."""
    attention = MultiScaleDeformableAttention(
        8 * num_heads, num_heads, len(sizes), num_points=4, dropout=0.0, batch_first=True
    )
    for linear in (attention.sampling_offsets, attention.attention_weights):
        torch.nn.init.normal_(linear.weight, std=0.3)
    torch.nn.init.normal_(attention.sampling_offsets.bias, std=2.0)
    torch.nn.init.normal_(attention.value_proj.bias)
    return attention


@pytest.mark.parametrize(
    ("sizes", "dtype", "tolerances"),
    [
        (((2, 3), (4, 6), (7, 5)), torch.float64, dict.fromkeys(("output", "tokens", "other"), 1e-9)),
        (((12, 20), (24, 40), (48, 80)), torch.float32, dict(output=1e-4, tokens=2e-3, other=5e-3)),
    ],
)
def test_the_layer_is_mmcvs_with_gradients(sizes, dtype, tolerances):
    """In float64, and in float32 at the published sizes."""
    num_heads = 8
    torch.manual_seed(0)
    stock = mmcv_module(sizes, num_heads).to(dtype)
    ours = DeformableSelfAttention(64, num_heads, num_points=4).to(dtype)
    ours.load_state_dict(stock.state_dict())
    shapes = torch.tensor(sizes)
    tokens, queries = torch.randn(2, 1, shapes.prod(dim=1).sum(), 64, dtype=dtype)
    centres = cell_centres(sizes, num_heads, 4, dtype, torch.device("cpu"))
    reference_points = (centres[:, :, 0, :, 0] - 0.5).movedim(1, -1) / shapes.flip(-1)

    def mmcv_forward(tokens, queries):
        return stock(
            query=queries,
            value=tokens,
            identity=torch.zeros_like(tokens),
            reference_points=reference_points[None],
            spatial_shapes=shapes,
            level_start_index=shapes.prod(dim=1).cumsum(0) - shapes.prod(dim=1),
        )

    results = []
    for attention, forward in ((ours, lambda t, q: ours(t, q, sizes, centres)), (stock, mmcv_forward)):
        leaves = [tensor.clone().requires_grad_() for tensor in (tokens, queries)]
        output = forward(*leaves)
        (output * torch.linspace(-1, 1, output.numel(), dtype=dtype).view(output.shape)).sum().backward()
        gradients = {name: parameter.grad for name, parameter in attention.named_parameters()}
        results.append({"output": output, "tokens": leaves[0].grad, "queries": leaves[1].grad, **gradients})
    for name, expected in results[1].items():
        atol = tolerances.get(name, tolerances["other"])
        torch.testing.assert_close(results[0][name], expected, atol=atol, rtol=min(atol, 1e-3), msg=name)
