"""CUDA graphs against the plain calls: windows, whole clips, several sizes and streams, and a recording that fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from clipvis_core.models import Arithmetic
from clipvis_core.models.cuda_graphs import CudaGraphs
from clipvis_core.models.pixel_decoder import cell_centres
from clipvis_core.models.positions import sine_positions
from clipvis_core.tracking import FrameOutputs, MaskSizes

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
FIELDS = ("class_probs", "ious", "object_logits", "mask_logits", "embeddings", "regions")


@pytest.fixture
def gpu(pair) -> Iterator[nn.Module]:
    """The model on the GPU, which is as it was afterwards."""
    yield pair[1]
    Arithmetic().prepare(pair[1])


def assert_near(found: FrameOutputs, expected: FrameOutputs, dtype: torch.dtype) -> None:
    """A library may take another kernel while a graph is recorded; else the bits are the same."""
    share = 1e-4 if dtype == torch.float32 else 3e-2
    for field in FIELDS:
        ours, theirs = getattr(found, field).float(), getattr(expected, field).float()
        difference = (ours - theirs).abs().mean() / theirs.abs().max().clamp(min=1e-3)
        assert difference < share, field


@torch.no_grad()
@pytest.mark.parametrize("dtype", DTYPES)
def test_windows_are_those_without(gpu, frames, dtype):
    """Also after many other sizes have gone through the network and what is kept of a size was that of others."""
    windows = [gpu.prepare(frames[start : start + 2]) for start in (0, 2, 4, 6)]
    Arithmetic(dtype).prepare(gpu)
    expected = [gpu.outputs(images) for images in windows]
    Arithmetic(dtype, cuda_graphs=True).prepare(gpu)
    found = [gpu.outputs(images) for images in windows[:3]]
    for kept in (sine_positions, cell_centres):
        kept.cache_clear()
    torch.cuda.empty_cache()
    rubbish = [torch.full((2**18,), float("nan"), device="cuda") for _ in range(64)]
    found.append(gpu.outputs(windows[3]))
    del rubbish
    assert gpu.cuda_graphs.reasons == []
    assert gpu.cuda_graphs.sizes == [tuple(windows[0].shape)]
    for ours, theirs in zip(found, expected, strict=True):
        assert_near(ours, theirs, dtype)


@torch.no_grad()
def test_sizes_take_turns(gpu, frames):
    images = gpu.prepare(frames)
    windows = [images[:length] for length in (3, 1, 2)] * 3
    expected = [gpu.outputs(window) for window in windows]
    Arithmetic(cuda_graphs=True).prepare(gpu)
    found = [gpu.outputs(window) for window in windows]
    assert (gpu.cuda_graphs.reasons, len(gpu.cuda_graphs.sizes)) == ([], 3)
    for ours, theirs in zip(found, expected, strict=True):
        assert_near(ours, theirs, torch.float32)


def test_a_clip_has_the_same_tracks(gpu, frames):
    size = tuple(frames.shape[-2:])
    found = []
    for graphs in (False, True):
        Arithmetic(cuda_graphs=graphs).prepare(gpu)
        tracker = gpu.tracker(MaskSizes(gpu.padded_size(size), size, (120, 200)))
        windows = (gpu.prepare(gpu.staged(part)) for part in torch.cat([frames, frames]).split(gpu.window))
        assert len(list(gpu.track(windows, tracker))) == 2 * len(frames)
        found.append(tracker.finish())
    assert gpu.cuda_graphs.reasons == []
    torch.testing.assert_close(found[1].scores.sort().values, found[0].scores.sort().values, atol=1e-3, rtol=0)


@torch.no_grad()
def test_streams_take_turns_on_one_graph(gpu, frames):
    Arithmetic(cuda_graphs=True).prepare(gpu)
    windows = [gpu.prepare(frames[start : start + 2]) for start in (0, 2, 4, 6)]
    for _ in range(2):
        gpu.outputs(windows[0])
    expected = [gpu.outputs(images) for images in windows]
    torch.cuda.synchronize()
    streams, found = [torch.cuda.Stream() for _ in windows], []
    for images, stream in zip(windows, streams, strict=True):
        with torch.cuda.stream(stream):
            found.append(gpu.outputs(images))
    torch.cuda.synchronize()
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.mask_logits, theirs.mask_logits)


@torch.no_grad()
def test_after_a_recording_that_fails_work_goes_on():
    def waits(images: Tensor) -> tuple[Tensor, ...]:
        return (images * images.sum().item(),)

    graphs = CudaGraphs(waits)
    stream = torch.cuda.current_stream()
    for number in range(1, 5):
        images = torch.full((1, 3, 4, 4), float(number), device="cuda")
        assert torch.equal(graphs(images)[0], waits(images)[0])
        assert torch.cuda.current_stream() == stream
    assert len(graphs.reasons) == 1
    assert graphs.sizes == []
    other = CudaGraphs(lambda images: (images * 2,))
    for _ in range(3):
        assert torch.equal(other(images)[0], images * 2)
    assert other.reasons == []
