"""Training steps on a GPU: against the CPU, in mixed precision against float32, and resumed."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

import clipvis_train.hooks  # noqa: F401 - registers the optimizer's constructor
from clipvis_core.inference import build_model
from clipvis_core.models import criterion
from clipvis_core.models.criterion import FrameTarget

SIZE = (96, 128)


@pytest.fixture
def config(repo_root) -> Config:
    config = Config.fromfile(repo_root / "configs/quick/photos.py")
    config.model.criterion.num_points = 256
    return config


def targets(device: str) -> list[FrameTarget]:
    masks = torch.zeros((2, *SIZE), dtype=torch.bool)
    masks[0, 10:50, 20:80] = masks[1, 60:90, 40:120] = True
    return [FrameTarget(masks.to(device), torch.zeros(2, dtype=torch.long, device=device)) for _ in range(2)]


def images(device: str) -> torch.Tensor:
    return torch.randn((2, 3, *SIZE), generator=torch.Generator().manual_seed(2)).to(device)


@pytest.fixture
def fixed_points(monkeypatch) -> None:
    """The same points on every device, whose generators differ."""

    def grid(number: int, device: torch.device) -> torch.Tensor:
        points = torch.rand((1, 256, 2), generator=torch.Generator().manual_seed(3))
        return points.expand(number, -1, -1).to(device)

    monkeypatch.setattr(criterion.PointSampler, "uniform", lambda self, device: grid(1, device))
    monkeypatch.setattr(criterion.PointSampler, "uncertain", lambda self, masks: grid(len(masks), masks.device))


def losses_and_gradients(config: Config, device: str, dtype: torch.dtype | None = None) -> tuple[dict, dict]:
    model = build_model(config, None, device).train()
    with torch.autocast(device, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        losses = model.compute_losses(images(device), targets(device))
    sum(losses.values()).backward()
    gradients = {name: p.grad.norm().item() for name, p in model.named_parameters() if p.grad is not None}
    return {name: value.item() for name, value in losses.items()}, gradients


def test_losses_and_gradients_are_the_cpus(config, fixed_points):
    losses, gradients = losses_and_gradients(config, "cuda")
    exact_losses, exact_gradients = losses_and_gradients(config, "cpu")
    assert losses == pytest.approx(exact_losses, rel=1e-3)
    assert gradients == pytest.approx(exact_gradients, rel=5e-2, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mixed_precision_is_near_float32(config, fixed_points, dtype):
    losses, _ = losses_and_gradients(config, "cuda", dtype)
    exact, _ = losses_and_gradients(config, "cuda")
    assert losses == pytest.approx(exact, rel=0.1, abs=0.02)


@pytest.mark.parametrize("kind", ["OptimWrapper", "AmpOptimWrapper", "BFloat16OptimWrapper"])
def test_steps_lower_the_loss(config, kind):
    model = build_model(config, None, "cuda").train()
    config.optim_wrapper.update(type=kind)
    config.optim_wrapper.optimizer.lr = 1e-3
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    totals = []
    for _ in range(12):
        with wrapper.optim_context(model):
            total = sum(model.compute_losses(images("cuda"), targets("cuda")).values())
        wrapper.update_params(total)
        totals.append(total.item())
    assert sum(totals[-3:]) < 0.9 * sum(totals[:3])


def test_a_run_goes_on_where_it_stopped(config):
    """Weights, optimizer and scaler through the state of a checkpoint; the rest is near, not equal: sums of a GPU's
    backward pass have no fixed order."""

    def steps(model, wrapper, number: int) -> float:
        for step in range(number):
            torch.manual_seed(step)
            with wrapper.optim_context(model):
                total = sum(model.compute_losses(images("cuda"), targets("cuda")).values())
            wrapper.update_params(total)
        return total.item()

    def fresh():
        model = build_model(config, None, "cuda").train()
        return model, build_optim_wrapper(model, config.optim_wrapper)

    config.optim_wrapper.update(type="AmpOptimWrapper")
    model, wrapper = fresh()
    steps(model, wrapper, 3)
    weights = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    other, resumed = fresh()
    other.load_state_dict(weights)
    resumed.load_state_dict(wrapper.state_dict())
    assert steps(other, resumed, 3) == pytest.approx(steps(model, wrapper, 3), rel=1e-2)
