"""What runs on a GPU stays there. No GPU is needed: tensors are fake ones on a device "cuda", or have no data at all.

A fake tensor knows its device and refuses operations that mix devices. PyTorch's backward pass asks the driver for
devices that a fake one lacks, so that it goes over "meta" tensors, whose operations are watched here for the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from clipvis_core import Vocabulary
from clipvis_core.inference import build_model
from clipvis_core.models import criterion
from clipvis_core.models.criterion import FrameTarget
from clipvis_core.models.deformable_attention import FORMS
from clipvis_core.models.pixel_decoder import cell_centres
from clipvis_core.models.positions import sine_positions
from clipvis_core.text import VocabularyEmbedding
from clipvis_core.tracking import TemporalMatcher

pytestmark = pytest.mark.slow

CONFIGS = {
    "R50": "configs/video/clipvis_r50_lvis.py",
    "ConvNeXt-B": "configs/video/clipvis_convnext-b_lvis.py",
    "photo-mini": "configs/photo_mini/photo_mini_video.py",
}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] * (name == "ConvNeXt-B")) for name in CONFIGS]
SIZE = (96, 160)
CLASSES = 7


class Watch(TorchDispatchMode):
    """Notes every operation that sees or gives a tensor of the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        results = func(*args, **(kwargs or {}))
        leaves = tree_leaves((args, results)) if func is not torch.ops.prim.device.default else ()
        if any(isinstance(leaf, torch.Tensor) and leaf.device.type == "cpu" for leaf in leaves):
            self.found.append(str(func))
        return results


def to_fake_gpu(model: nn.Module) -> None:
    """Puts fake tensors on a GPU in place of all parameters and buffers; inside a fake mode."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                fake = torch.empty(parameter.shape, dtype=parameter.dtype, device="cuda")
                module._parameters[name] = nn.Parameter(fake, requires_grad=parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype, device="cuda")


def set_words(model, contrast: bool) -> None:
    def rows(number: int, prefix: str) -> VocabularyEmbedding:
        vocabulary = Vocabulary.from_categories(f"{prefix} {index}" for index in range(number))
        return VocabularyEmbedding(vocabulary, torch.randn(number, model.backbone.embed_dim), torch.arange(number))

    asked = rows(CLASSES, "category")
    model.set_vocabulary(asked.vocabulary)
    model._embedding, model._contrast_embedding = asked, rows(3, "contrast") if contrast else None


def some_targets(device: str) -> list[FrameTarget]:
    """Of two frames, one of them not exhaustively annotated."""
    return [
        FrameTarget(
            torch.empty((number, *SIZE), dtype=torch.bool, device=device),
            torch.zeros(number, dtype=torch.long, device=device),
            exhaustive=number == 3,
        )
        for number in (3, 2)
    ]


@pytest.fixture
def pairs_in_order(monkeypatch):
    """In place of the Hungarian method, which needs numbers; and how often it was asked."""
    calls = []

    def first_queries(costs):
        calls.append(len(costs))
        orders = [torch.arange(cost.shape[1], device=cost.device) for cost in costs]
        return list(zip(orders, orders, strict=True))

    monkeypatch.setattr(criterion, "assigned", first_queries)
    return calls


@pytest.fixture
def fake_mode(monkeypatch) -> Iterator[FakeTensorMode]:
    """A mode of its own; what is kept by size and device is forgotten before and after."""
    monkeypatch.setattr(FakeTensorMode, "__deepcopy__", lambda self, _: self, raising=False)  # of the folded encoder
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)  # else no autocast
    kept = (sine_positions, cell_centres)
    for function in kept:
        function.cache_clear()
    yield FakeTensorMode()
    for function in kept:
        function.cache_clear()


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize("name", NAMES)
def test_a_window_goes_to_the_host_once(repo_root, fake_mode, name):
    """Network, classification and costs of the tracking on the GPU; what tracking needs of them by one copy."""
    model = build_model(repo_root / CONFIGS[name], None)
    with fake_mode:
        to_fake_gpu(model)
        set_words(model, contrast=True)
        model.vocabulary_embedding()  # uploads the words, once
        model.data_preprocessor._device = torch.device("cuda")
        frames = torch.empty((2, 3, 90, 150), dtype=torch.uint8)
        with Watch() as watch:
            images = model.prepare(frames)
        assert watch.found == ["aten._to_copy.default"]  # the frames go up as bytes
        assert (images.device.type, images.dtype, images.shape[2:]) == ("cuda", torch.float32, SIZE)
        matcher = TemporalMatcher()
        with Watch() as watch:
            outputs = model.outputs(images)
            cosines = [matcher.cosines(outputs.embeddings) for _ in range(2)][1]
            outputs.mask_statistics  # noqa: B018 - computed at first use
        assert watch.found == []
        with Watch() as watch:
            host, _ = outputs.to_host(cosines).arrived()
    assert watch.found.count("aten._to_copy.default") == 1
    assert {tensor.device.type for tensor in (outputs.mask_logits, outputs.class_probs, cosines)} == {"cuda"}
    assert host.mask_logits is outputs.mask_logits
    for field in ("class_probs", "ious", "object_logits", "contrast_logits", "regions"):
        assert getattr(host, field).device.type == "cpu"
        assert getattr(host, field).shape == getattr(outputs, field).shape
    assert [tensor.device.type for tensor in host.mask_statistics] == ["cpu", "cpu"]


def test_frames_go_up_from_pinned_memory_and_are_not_waited_for(repo_root, fake_mode, monkeypatch):
    pinned, waited = [], []
    to = torch.Tensor.to

    def recorded(tensor, *args, **options):
        if tensor.dtype == torch.uint8 and tensor.device.type == "cpu":
            waited.append(not options.get("non_blocking"))
        return to(tensor, *args, **options)

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(tuple(self.shape)) or self)
    model = build_model(repo_root / CONFIGS["photo-mini"], None)
    monkeypatch.setattr(torch.Tensor, "to", recorded)
    frames = [torch.zeros((3, 90, 150), dtype=torch.uint8) for _ in range(model.window + 2)]
    assert sum(map(len, model._windows(frames))) == len(frames)
    assert pinned == []  # the model is on the CPU
    model.data_preprocessor._device = torch.device("cuda")
    windows = list(model._windows(frames))
    assert pinned == [tuple(window.shape) for window in windows]
    with fake_mode:
        to_fake_gpu(model)
        model.prepare(torch.empty((2, 3, 90, 150), dtype=torch.uint8))
    assert waited == [False]


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_attention_reads_half_precision_as_it_is(repo_root, fake_mode, monkeypatch):
    seen = []

    def form(value, sizes, places, weights):
        seen.append((value.dtype, places.dtype, weights.dtype))
        return triton(value, sizes, places, weights)

    triton = FORMS["triton"]
    monkeypatch.setitem(FORMS, "triton", form)
    model = build_model(repo_root / CONFIGS["photo-mini"], None)
    model.head.follow_autocast(True)
    with fake_mode:
        to_fake_gpu(model)
        levels = model.extract_feat(torch.empty((2, 3, *SIZE), device="cuda")).levels
        with Watch() as watch, torch.autocast("cuda", torch.float16):
            prediction = model.head(levels)[-1]
            with torch.no_grad():  # by matrices that are kept in float16
                model.head(levels)
    assert watch.found == []
    assert len(seen) == 2 * len(model.head.pixel_decoder.layers)
    assert set(seen) == {(torch.float16, torch.float32, torch.float32)}
    assert prediction.mask_logits.dtype == torch.float16


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize("name", NAMES)
def test_losses_stay_on_the_gpu(repo_root, fake_mode, pairs_in_order, name):
    model = build_model(repo_root / CONFIGS[name], None).train()
    with fake_mode:
        to_fake_gpu(model)
        losses = model.compute_losses(torch.empty((2, 3, *SIZE), device="cuda"), some_targets("cuda"))
    assert {value.device.type for value in losses.values()} == {"cuda"}
    assert pairs_in_order == [2] * (model.head.num_layers + 1)  # both frames together, once a layer


@pytest.mark.parametrize("name", NAMES)
def test_gradients_stay_on_the_gpu(repo_root, monkeypatch, pairs_in_order, name):
    autocast, enabled = torch.autocast, torch.is_autocast_enabled  # which know no device "meta"
    monkeypatch.setattr(
        torch, "autocast", lambda kind, **how: nullcontext() if kind == "meta" else autocast(kind, **how)
    )
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind="cuda": kind != "meta" and enabled(kind))
    model = build_model(repo_root / CONFIGS[name], None).train().to("meta")
    for layer in model.head.pixel_decoder.layers:
        layer.attention.form = "triton"
    images = torch.empty((2, 3, *SIZE), device="meta")
    with Watch() as watch:
        sum(model.compute_losses(images, some_targets("meta")).values()).backward()
    assert watch.found == []
    assert all(parameter.grad.device.type == "meta" for parameter in model.head.parameters())


def test_the_watch_sees_what_it_should():
    with Watch() as watch:
        torch.empty(3, device="meta") + torch.empty(3, device="meta")
        assert watch.found == []
        torch.ones(3)
        torch.empty((2, 3), device="meta") @ torch.ones(3, 2)
    assert watch.found[0] == "aten.ones.default"
    assert "aten.mm.default" in watch.found
