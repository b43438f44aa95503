"""What `torch.compile` makes of the network: one graph a part, made once, with the numbers of the eager form.

By the backend "aot_eager", which traces and decomposes like the compiler and then calls PyTorch's own kernels.
"""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from clipvis_core.inference import build_model
from clipvis_core.models import deformable_attention as module

SIZE = (64, 96)
CLASSES = [["dog", "puppy"], ["grass"], ["person"]]


@pytest.fixture(scope="module")
def model(repo_root):
    model = build_model(repo_root / "configs/photo_mini/photo_mini_video.py", None)
    model.set_vocabulary(CLASSES)
    generator = torch.Generator().manual_seed(0)
    for layer in model.head.pixel_decoder.layers:  # else all places are whole cells, where rounding picks the cell
        torch.nn.init.normal_(layer.attention.sampling_offsets.weight, std=0.05, generator=generator)
    return model


@pytest.fixture
def counter():
    torch._dynamo.reset()
    yield CompileCounterWithBackend("aot_eager")
    torch._dynamo.reset()


@pytest.fixture
def windows() -> list[torch.Tensor]:
    """Three windows of two frames, normalised."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn((6, 3, 8, 12), generator=generator)
    return list(torch.nn.functional.interpolate(coarse, size=SIZE, mode="bilinear").split(2))


def parts(model, counter) -> dict:
    """The network's parts, compiled whole: with `fullgraph`, whatever breaks a graph raises."""
    compiled = {}
    trunk, pixels, queries = model.backbone._run, model.head.pixel_decoder, model.head.query_decoder
    for name, owner, method in (
        ("encoder", trunk, "_run"),
        ("pixel decoder", pixels, "_run"),
        ("query decoder", queries, "_run"),
        ("classification", model, "classify"),
    ):
        compiled[name] = (owner, method, torch.compile(getattr(owner, method), fullgraph=True, backend=counter))
    return compiled


@torch.no_grad()
def test_one_graph_a_part_made_once(model, counter, windows, monkeypatch):
    def network(images):
        prediction, dense = model.segment(images)
        return [*vars(prediction).values(), model.classify(prediction.mask_logits, dense)]

    model.vocabulary_embedding()
    expected = [network(images) for images in windows]
    compiled = parts(model, counter)
    for owner, method, function in compiled.values():
        monkeypatch.setattr(owner, method, function)
    for number, (images, eager) in enumerate(zip(windows, expected, strict=True)):
        found = network(images)
        assert counter.frame_count == len(compiled), f"window {number}"
        for ours, theirs in zip(found, eager, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_choice_of_triton_is_a_constant_of_the_graph(counter):
    """What asks for it is not traced: it may run a kernel."""
    module._triton_works.cache_clear()

    @torch.compile(fullgraph=True, backend=counter)
    def chosen(value):
        return value + module.has_triton()

    expected = torch.ones(2) + module.has_triton()
    assert torch.equal(chosen(torch.ones(2)), expected)
