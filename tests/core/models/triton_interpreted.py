"""A program: the Triton form of deformable attention in Triton's interpreter, against the plain form in float64.

It must run with TRITON_INTERPRET=1, which counts when the kernels are imported. It prints one JSON object: the largest
errors of output and gradients by case, and what else was found.
"""

from __future__ import annotations

import json
import os
import sys
import types

import clipvis_core

package = types.ModuleType("clipvis_core.models")  # whose own `__init__` would import mmdet
package.__path__ = [clipvis_core.__path__[0] + "/models"]
sys.modules["clipvis_core.models"] = package

import torch  # noqa: E402

from clipvis_core.models.deformable_attention import deformable_attention  # noqa: E402
from clipvis_core.models.triton_attention import backward_operator, operator  # noqa: E402

LONE_CELLS = ((1, 1),)
ODD = ((2, 3), (1, 1), (5, 4))
MANY = ((7, 1), (1, 7), (3, 3), (2, 2), (1, 2), (4, 5))
PARTS = ("output", "value", "places", "weights")
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
#: Sizes, images, queries, heads, points, channels a head, reach of the points in cells.
CASES = {
    "odd": (ODD, 2, 9, 3, 2, 6, 2.0),
    "one cell": (LONE_CELLS, 1, 3, 1, 1, 1, 0.5),
    "many scales": (MANY, 1, 5, 2, 3, 5, 1.0),
    "far outside": (ODD, 1, 7, 2, 2, 8, 12.0),
    "several programs": (((3, 4),), 2, 70, 1, 1, 16, 1.0),
}


def arguments(case: tuple, dtype: torch.dtype = torch.float64) -> tuple:
    """Values, places and weights of a case; places and weights in float32 at least, like the model's."""
    sizes, images, queries, heads, points, channels, reach = case
    generator = torch.Generator().manual_seed(7)
    others = torch.promote_types(dtype, torch.float32)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    cells = sum(height * width for height, width in sizes)
    corners = torch.tensor(sizes, dtype=torch.float64).T.flip(0)[:, None, :, None]
    value = normal(images, cells, heads, channels)
    places = normal(images, queries, 2, heads, len(sizes), points).mul(reach).add(0.5 * corners)
    weights = normal(images, queries, heads, len(sizes), points)
    return value.to(dtype), sizes, places.to(others), weights.to(others)


def outputs_and_gradients(form: str, value, sizes, places, weights) -> list[torch.Tensor]:
    leaves = [tensor.clone().requires_grad_() for tensor in (value, places, weights)]
    output = deformable_attention(leaves[0], sizes, *leaves[1:], form=form)
    slope = torch.arange(output.numel()) % 17 / 16 - 0.5  # exact in every precision
    output.backward(slope.view(output.shape).to(output.dtype))
    return [tensor.detach().double() for tensor in (output, *(leaf.grad for leaf in leaves))]


def errors(case: tuple, dtype: torch.dtype) -> dict[str, float]:
    """Largest errors, as shares of the largest value, against float64 on the same rounded inputs."""
    value, sizes, places, weights = arguments(case, dtype)
    found = outputs_and_gradients("triton", value, sizes, places, weights)
    exact = outputs_and_gradients("pytorch", value.double(), sizes, places.double(), weights.double())
    pairs = zip(PARTS, found, exact, strict=True)
    return {part: float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1)) for part, ours, theirs in pairs}


def border_error() -> float:
    """Whole and half cells, where rounding picks the cell, and distances no image has."""
    value, sizes, places, weights = arguments((((3, 4), (5, 2)), 1, 9, 2, 8, 4, 1.0), torch.float32)
    places[:] = torch.tensor([-1e30, -2.0, 0.0, 0.5, 1.0, 1.5, 2.0, 1e30])
    near = places.clamp(-9, 9).double()
    exact = deformable_attention(value.double(), sizes, near, weights.double(), "pytorch")
    return float((deformable_attention(value, sizes, places, weights, "triton").double() - exact).abs().max())


def hands_on_nan() -> bool:
    value, sizes, places, weights = arguments(CASES["odd"], torch.float32)
    weights[0, 2] = torch.nan
    places[0, 3] = torch.nan
    lost = deformable_attention(value, sizes, places, weights, "triton").isnan().all(dim=-1)
    return lost[0, 2:4].tolist() == [True, True] and int(lost.sum()) == 2


def main() -> None:
    assert os.environ["TRITON_INTERPRET"] == "1"
    found: dict = {str(dtype): {name: errors(case, dtype) for name, case in CASES.items()} for dtype in DTYPES}
    found["border"] = border_error()
    found["nan"] = hands_on_nan()
    value, sizes, places, weights = arguments(CASES["one cell"], torch.float32)
    flat = [side for size in sizes for side in size]
    leaves = [tensor.requires_grad_() for tensor in (value, places, weights)]
    found["forward as an operator"] = torch.library.opcheck(operator, (*leaves, flat))
    gradient = torch.ones_like(places[:, :, 0, :, 0, 0])
    plain = [tensor.detach() for tensor in (gradient, *leaves)]
    tests = ("test_schema", "test_faketensor")
    found["backward as an operator"] = torch.library.opcheck(backward_operator, (*plain, flat), test_utils=tests)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
