"""What needs a GPU. Without one each test here is skipped, in one line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

from clipvis_core.inference import build_model

#: Config of each model; deep enough for every kind of layer, small enough for a few seconds on a CPU.
CONFIGS = {
    "R50": "configs/video/clipvis_r50_lvis.py",
    "ConvNeXt-B": "configs/video/clipvis_convnext-b_lvis.py",
    "photo-mini": "configs/photo_mini/photo_mini_video.py",
}
CLASSES = [["dog", "puppy"], ["grass"], ["person"]]
SIZE = (96, 160)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is in this folder, and skips it where there is no GPU."""
    absent = pytest.mark.skip(reason="needs a CUDA device, and there is none")
    for item in items:
        if "/tests/gpu/" in item.path.as_posix():
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(absent)


@pytest.fixture(autouse=True, scope="session")
def _mmdet_scope() -> None:
    init_default_scope("mmdet")


@pytest.fixture(autouse=True)
def _no_tf32() -> Iterator[None]:
    """Float32 means float32 here; by default PyTorch lets convolutions go through TF32."""
    backends = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = False
    yield
    for backend, allowed in zip(backends, before, strict=True):
        backend.allow_tf32 = allowed


@pytest.fixture(scope="session", params=list(CONFIGS))
def pair(request, repo_root) -> tuple[nn.Module, nn.Module]:
    """The same model on the CPU and on the GPU, with weights that make places fractions of cells."""
    models = [build_model(repo_root / CONFIGS[request.param], None) for _ in range(2)]
    generator = torch.Generator().manual_seed(0)
    for layer in models[0].head.pixel_decoder.layers:
        nn.init.normal_(layer.attention.sampling_offsets.weight, std=0.03, generator=generator)
    models[1].load_state_dict(models[0].state_dict())
    for model in models:
        model.set_vocabulary(CLASSES)
        model.window = 3
    return models[0], models[1].to("cuda").eval()


@pytest.fixture(scope="session")
def frames() -> torch.Tensor:
    """Eight smooth frames, uint8 `(8, 3, H, W)`."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn((8, 3, 12, 20), generator=generator)
    smooth = nn.functional.interpolate(coarse, size=SIZE, mode="bilinear", align_corners=False)
    return smooth.mul(50).add(115).clamp(0, 255).byte()
