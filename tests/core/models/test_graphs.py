"""What `torch.compile` makes of the network: one graph a part, made once, with the numbers of the eager form.

By the backend "aot_eager", which traces and decomposes like the compiler and then calls PyTorch's own kernels.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from clipvis_core import Vocabulary
from clipvis_core.inference import build_model
from clipvis_core.models import deformable_attention as module
from clipvis_core.models.arithmetic import Arithmetic
from clipvis_core.text import VocabularyEmbedding

SIZE = (64, 96)
CLASSES = 7
CONFIGS = {
    "R50": "configs/video/clipvis_r50_lvis.py",
    "ConvNeXt-B": "configs/video/clipvis_convnext-b_lvis.py",
    "photo-mini": "configs/photo_mini/photo_mini_video.py",
}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] * (name != "photo-mini")) for name in CONFIGS]


def built(config):
    """A model of random weights that looks at places between cells, with made-up words."""
    model = build_model(config, None)
    generator = torch.Generator().manual_seed(0)
    for layer in model.head.pixel_decoder.layers:  # else all places are whole cells, where rounding picks the cell
        torch.nn.init.normal_(layer.attention.sampling_offsets.weight, std=0.05, generator=generator)
    vocabulary = Vocabulary.from_categories(f"word {index}" for index in range(CLASSES))
    rows = torch.randn((CLASSES, model.backbone.embed_dim), generator=generator)
    model.set_vocabulary(vocabulary)
    model._embedding = VocabularyEmbedding(vocabulary, rows, torch.arange(CLASSES))
    return model


@pytest.fixture
def counter(monkeypatch):
    """Counts graphs; `torch.compile` takes it, and raises where anything would break a graph."""
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(torch, "compile", partial(torch.compile, fullgraph=True, backend=counter))
    yield counter
    torch._dynamo.reset()


@pytest.fixture
def windows() -> list[torch.Tensor]:
    """Three windows of two frames, normalised."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn((6, 3, 8, 12), generator=generator)
    return list(torch.nn.functional.interpolate(coarse, size=SIZE, mode="bilinear").split(2))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_one_graph_a_part_made_once(repo_root, counter, windows, monkeypatch, name):
    """Encoder, pixel decoder and query decoder, as their `compile` has it, and classification."""
    model = built(repo_root / CONFIGS[name])

    def network(images):
        prediction, dense = model.segment(images)
        return [*vars(prediction).values(), model.classify(prediction.mask_logits, dense)]

    expected = [network(images) for images in windows]
    for part in (model.backbone, model.head.pixel_decoder, model.head.query_decoder):
        part.compile()
    monkeypatch.setattr(model, "classify", torch.compile(model.classify))
    for number, (images, eager) in enumerate(zip(windows, expected, strict=True)):
        found = network(images)
        assert counter.frame_count == 4, f"window {number}"
        for ours, theirs in zip(found, eager, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_matrices_that_are_kept_in_low_precision_make_no_other_graph(repo_root, counter, windows):
    model = built(repo_root / CONFIGS["photo-mini"])
    low = Arithmetic(dtype=torch.bfloat16)
    low.prepare(model)
    with low.running("cpu"):
        expected = [model.segment(images)[0] for images in windows]
        Arithmetic(dtype=torch.bfloat16, compile=True).prepare(model)
        model.head.query_decoder.compile()  # as on a GPU
        for images, eager in zip(windows, expected, strict=True):
            found = model.segment(images)[0]
            assert counter.frame_count == 3
            assert (found.ious - eager.ious).abs().max() < 0.01


def test_the_choice_of_triton_is_a_constant_of_the_graph(counter):
    """What asks for it is not traced: it may run a kernel."""
    module._triton_works.cache_clear()

    @torch.compile
    def chosen(value):
        return value + module.has_triton()

    expected = torch.ones(2) + module.has_triton()
    assert torch.equal(chosen(torch.ones(2)), expected)
