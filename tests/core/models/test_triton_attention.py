"""The Triton form of deformable attention, as far as no GPU is needed: interpreted, and compiled for GPUs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clipvis_core.models import deformable_attention as module

triton = pytest.importorskip("triton", reason="Triton is not installed")

#: Largest errors as shares of the largest value: of float32 sums, and of results rounded to half precision.
EXACT, TOLERANCES = 1e-6, {"torch.float32": 1e-6, "torch.float16": 1e-3, "torch.bfloat16": 8e-3}
CASES = ("odd", "one cell", "many scales", "far outside", "several programs")


@pytest.fixture(scope="module")
def interpreted() -> dict:
    """What the kernels give in Triton's interpreter, in a process where it is on."""
    program = Path(__file__).with_name("triton_interpreted.py")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    run = subprocess.run([sys.executable, str(program)], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_output_and_gradients_are_those_of_float64(interpreted, dtype, case):
    """Sums are in float32, so that only what is returned in half precision may be further off."""
    errors = interpreted[dtype][case]
    assert max(errors["output"], errors["value"]) < TOLERANCES[dtype], errors
    assert max(errors["places"], errors["weights"]) < EXACT, errors


@pytest.mark.slow
def test_borders_and_what_is_not_a_number(interpreted):
    assert interpreted["border"] < 1e-5
    assert interpreted["nan"]


@pytest.mark.slow
def test_pytorch_finds_no_fault_with_the_operators(interpreted):
    """Schema, fake kernel, autograd, and ahead-of-time tracing with sizes that change."""
    assert len(interpreted["forward as an operator"]) == 4
    for name in ("forward as an operator", "backward as an operator"):
        assert set(interpreted[name].values()) == {"SUCCESS"}


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_kernels_compile_for_gpus(monkeypatch, tmp_path, capability, precision):
    """To machine code, with the widths of the released models; Triton brings the assembler along."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from clipvis_core.models.triton_attention import _backward, _forward

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    value, float32 = f"*{precision}", "*fp32"
    ahead = dict(value=value, places=float32, weights=float32, extents="*i32")
    gradients = dict(value_gradient=float32, place_gradient=float32, weight_gradient=float32)
    widths = dict(HEADS=8, SCALES=3, POINTS=4, CHANNELS=32, AT_ONCE=32, PADDED=32)
    for kernel, pointers in (
        (_forward, ahead | {"output": value}),
        (_backward, {"gradient": value} | ahead | gradients),
    ):
        signature = pointers | dict(cells="i32", queries="i32") | dict.fromkeys(widths, "constexpr")
        aligned = {(index,): [["tt.divisibility", 16]] for index in range(len(pointers))}
        source = ASTSource(kernel, signature, widths, aligned)
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
        assert compiled.asm["cubin"]
        assert f".target sm_{capability}" in compiled.asm["ptx"]
        adds = re.findall(r"(?:atom|red)\.\S*global\S*add\S*f32", compiled.asm["ptx"])
        assert bool(adds) == (kernel is _backward)


def test_without_triton_there_is_no_such_form(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    module._triton_works.cache_clear()
    assert not module.has_triton()
    module._triton_works.cache_clear()


def test_what_triton_lacks_is_named_once(monkeypatch):
    """Such as a C compiler; the reason is logged and another form taken."""

    def no_compiler(*_):
        raise RuntimeError("Failed to find C compiler.\nMore lines")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.ones", lambda *_, **__: None)
    monkeypatch.setattr(module, "triton_form", no_compiler)
    lines = []
    monkeypatch.setattr(module, "print_log", lambda line, **_: lines.append(line))
    module._triton_works.cache_clear()
    assert not module.has_triton()
    assert not module.has_triton()
    assert lines == ["Triton cannot be used here (Failed to find C compiler.)"]
    module._triton_works.cache_clear()
