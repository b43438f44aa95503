"""Matrices of a module in a lower precision, made once: autocast by itself makes them in every call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from clipvis_core.models.attention import Attention

_CAST = (nn.Linear, nn.Conv2d, Attention)  # whose parameters autocast casts; norms and embeddings it leaves alone


class CastWeights:
    """A module that is called with its matrices in autocast's precision.

    The numbers are those of autocast alone. The module keeps its own parameters; their copies are made at first use,
    and again when they, their device or the precision have changed. Where gradients are recorded, or autocast is off,
    the module is called as it is.

    Args:
        module: What is called.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._made_for: tuple | None = None
        self._weights: dict[str, Tensor] = {}

    def __call__(self, *args: Any) -> Any:
        """What the module gives."""
        device = next(self.module.parameters()).device.type
        if torch.is_grad_enabled() or not torch.is_autocast_enabled(device):
            return self.module(*args)
        return functional_call(self.module, self._cast(torch.get_autocast_dtype(device)), args)

    def _cast(self, dtype: torch.dtype) -> dict[str, Tensor]:
        weights = dict(_matrices(self.module))
        state = (dtype, *tensor_states(weights.values()))
        if state != self._made_for:
            with torch.inference_mode(False), torch.no_grad():
                self._weights = {name: weight.to(dtype) for name, weight in weights.items()}
            self._made_for = state
        return self._weights


def tensor_states(tensors: Iterable[Tensor]) -> tuple[tuple[int, int], ...]:
    """What changes when tensors are replaced or written to."""
    return tuple((tensor.data_ptr(), tensor._version) for tensor in tensors)


def _matrices(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    for prefix, part in module.named_modules():
        if isinstance(part, _CAST):
            for name, parameter in part.named_parameters(recurse=False):
                yield f"{prefix}.{name}" if prefix else name, parameter
