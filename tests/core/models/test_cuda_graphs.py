"""CUDA graphs without a GPU: what is recorded and when, whose the results are, and what happens without graphs."""

from __future__ import annotations

import pytest
import torch
from recorded_cuda import RecordedCuda
from torch import Tensor

from clipvis_core.inference import build_model
from clipvis_core.models import Arithmetic, cuda_graphs
from clipvis_core.models.cuda_graphs import CudaGraphs, memory_read
from clipvis_core.models.video_model import CLIPVISVideo
from clipvis_core.tracking import MaskSizes

SIZE = (64, 96)


@pytest.fixture
def cuda(monkeypatch) -> RecordedCuda:
    return RecordedCuda(monkeypatch)


@pytest.fixture
def logged(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(cuda_graphs, "print_log", lambda line, **_: lines.append(line))
    return lines


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def window(length: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((length, 3, 4, 6), generator=generator).to(dtype)


class Doubled:
    """Twice the images and their sum; counts its calls."""

    def __init__(self, factor: float = 2.0) -> None:
        self.weight = torch.tensor(factor)
        self.calls = 0

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        self.calls += 1
        product = images * self.weight
        return product, product.sum(dim=0)


def assert_equal(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


def test_a_size_is_recorded_when_it_comes_again(cuda):
    function = Doubled()
    graphs = CudaGraphs(function)
    graphs(window(2))
    assert (function.calls, graphs.sizes, cuda.events) == (1, [], [])
    assert_equal(graphs(window(2, seed=1)), Doubled()(window(2, seed=1)))
    calls = function.calls
    for seed in range(2, 5):
        assert_equal(graphs(window(2, seed)), Doubled()(window(2, seed)))
    assert function.calls == calls, "a replay does not call the function"
    assert cuda.events == ["wait", "replay", "record"] * 4
    assert graphs.reasons == []


def test_each_length_and_precision_has_a_graph(cuda):
    graphs = CudaGraphs(Doubled())
    for length, dtype in ((3, torch.float32), (1, torch.float32), (3, torch.float64)):
        for seed in range(3):
            images = window(length, seed, dtype)
            assert_equal(graphs(images), Doubled()(images))
    assert len(cuda.recordings) == 3
    assert graphs.sizes == [(3, 3, 4, 6), (1, 3, 4, 6), (3, 3, 4, 6)]


def test_the_graph_not_used_for_longest_gives_way(cuda):
    graphs = CudaGraphs(Doubled(), most=2)
    for length in (1, 1, 2, 2, 1):
        graphs(window(length))
    graphs(window(3))
    assert [shape[0] for shape in graphs.sizes] == [1]
    graphs(window(3))
    assert [shape[0] for shape in graphs.sizes] == [1, 3]
    assert len(cuda.recordings) == 3
    graphs(window(1))
    assert len(cuda.recordings) == 3, "it was still there"


def test_results_belong_to_the_caller(cuda):
    graphs = CudaGraphs(Doubled())
    graphs(window(2))
    kept = [graphs(window(2, seed)) for seed in range(3)]
    kept[0][0].zero_()
    for seed in (1, 2):
        assert_equal(kept[seed], Doubled()(window(2, seed)))


def test_changed_weights_are_recorded_anew(cuda):
    function = Doubled()
    graphs = CudaGraphs(function, [function.weight])
    for _ in range(2):
        graphs(window(2))
    function.weight.fill_(3.0)
    for seed in range(3):
        assert_equal(graphs(window(2, seed)), Doubled(3.0)(window(2, seed)))
    assert len(cuda.recordings) == 2


def test_inference_mode_may_come_and_go(cuda):
    graphs = CudaGraphs(Doubled())
    with torch.inference_mode():
        for seed in range(2):
            graphs(window(2, seed))
    assert_equal(graphs(window(2, seed=2)), Doubled()(window(2, seed=2)))
    assert len(cuda.recordings) == 1


def test_on_a_cpu_the_function_is_called(logged):
    graphs = CudaGraphs(Doubled())
    for seed in range(3):
        assert_equal(graphs(window(2, seed)), Doubled()(window(2, seed)))
    assert logged == graphs.reasons == ["CUDA graphs need a GPU: the network runs without them on cpu"]


def test_where_gradients_are_enabled_the_function_is_called(cuda, logged):
    graphs = CudaGraphs(Doubled())
    for _ in range(3):
        with torch.enable_grad():
            images = window(2).requires_grad_()
            graphs(images)[0].sum().backward()
        assert torch.equal(images.grad, torch.full_like(images, 2.0))
    assert (len(logged), len(cuda.recordings)) == (1, 0)
    assert "gradients" in logged[0]
    graphs(window(2))
    graphs(window(2))
    assert len(cuda.recordings) == 1, "without gradients it goes on"


def test_what_cannot_be_recorded_is_called(cuda, logged):
    """Nothing is tried again, and work goes on in the stream it was in."""

    def waits(images: Tensor) -> tuple[Tensor, ...]:
        return (images * images.sum().item(),)

    graphs = CudaGraphs(waits)
    for seed in range(4):
        assert_equal(graphs(window(2, seed)), waits(window(2, seed)))
        assert cuda.stream == "the first"
    assert_equal(graphs(window(1)), waits(window(1)))
    reason = "no CUDA graph could be recorded (operation not permitted when stream is capturing): the network runs "
    assert logged == graphs.reasons == [reason + "without them"]
    assert (len(cuda.recordings), graphs.sizes) == (1, [])


def test_an_error_of_the_function_is_the_callers(cuda):
    graphs = CudaGraphs(lambda images: images.view(7))
    with pytest.raises(RuntimeError, match="invalid for input"):
        graphs(window(2))


def test_what_a_call_reads_is_kept():
    """Positions that the function has from elsewhere, but nothing that it made itself."""
    elsewhere = {"places": torch.ones(6), "weight": torch.ones(4, 6)}

    def function(images: Tensor) -> tuple[Tensor, ...]:
        moved = images + elsewhere["places"].view(1, 6)
        return ((moved * elsewhere["weight"]).relu_(),)

    images = window(2)
    read = {tensor.untyped_storage().data_ptr() for tensor in (images, *elsewhere.values())}
    kept = memory_read(function, images)
    elsewhere.clear()
    assert {storage.data_ptr() for storage in kept} == read


def test_looking_at_what_is_read_leaves_compiled_code_alone():
    runs = []

    def backend(module, _):
        return lambda *inputs: runs.append(1) or module.forward(*inputs)

    torch._dynamo.reset()
    compiled = torch.compile(Doubled(), backend=backend)
    compiled(window(2))
    memory_read(compiled, window(2))
    compiled(window(2))
    assert len(runs) == 2
    torch._dynamo.reset()


@pytest.fixture(scope="module")
def model(repo_root) -> CLIPVISVideo:
    model = build_model(repo_root / "configs/photo_mini/photo_mini_video.py", None)
    model.set_vocabulary([["dog", "puppy"], ["grass"], ["person"]])
    return model


def normalised(length: int, seed: int) -> Tensor:
    coarse = torch.randn((length, 3, 8, 12), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=SIZE, mode="bilinear")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_gives_the_same_bits_from_a_graph(model, cuda, dtype):
    """Whatever it computes on the host, as a number or as a tensor, would be that of the recorded window."""
    windows = [normalised(2, seed) for seed in range(4)]
    Arithmetic(dtype).prepare(model)
    expected = [model.outputs(images) for images in windows]
    Arithmetic(dtype, cuda_graphs=True).prepare(model)
    found = [model.outputs(images) for images in windows]
    assert (model.cuda_graphs.reasons, len(cuda.recordings)) == ([], 1)
    for ours, theirs in zip(found, expected, strict=True):
        for name, value in vars(theirs).items():
            assert value is None or torch.equal(getattr(ours, name), value), name


def test_other_words_need_no_other_graph(model, cuda):
    Arithmetic(cuda_graphs=True).prepare(model)
    for words in (["dog"], ["grass", "cat"], ["person", "car", "street"]):
        model.set_vocabulary(words)
        assert model.outputs(normalised(2, seed=0)).class_probs.shape[-1] == len(words)
    assert len(cuda.recordings) == 1


def test_a_video_has_the_same_tracks(model, cuda, monkeypatch):
    """Also where a window is begun before the tracks of the one before it are taken, as on a GPU."""
    monkeypatch.setattr(CLIPVISVideo, "_overlaps", staticmethod(lambda images: True))
    results = []
    for graphs in (False, True):
        Arithmetic(cuda_graphs=graphs).prepare(model)
        tracker = model.tracker(MaskSizes(SIZE, SIZE, SIZE))
        windows = (normalised(length, seed) for seed, length in enumerate((2, 2, 2, 1)))
        assert len(list(model.track(windows, tracker))) == 7
        tracks = tracker.finish()
        results.append((tracks.scores.tolist(), [list(segments) for segments in tracks.segmentations]))
    assert results[0] == results[1]
    assert len(cuda.recordings) == 1, "the last window is alone in its size"
