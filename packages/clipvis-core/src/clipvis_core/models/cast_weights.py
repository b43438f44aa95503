"""A module with matrices in a lower precision, made once: autocast by itself makes them in every call."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from clipvis_core.models.attention import Attention

_CAST = (nn.Linear, nn.Conv2d, Attention)  # whose parameters autocast casts; norms and embeddings it leaves alone


class CastWeights:
    """Calls a module by a copy of it, whose matrices have autocast's precision.

    The numbers are those of autocast alone. The copy shares all other parameters. It is made at first use, and again
    when the weights, their device or the precision have changed. Where gradients are recorded, or autocast is off, the
    module itself is called.

    Args:
        module: What is called.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._copy: nn.Module | None = None
        self._made_for: tuple | None = None

    def __call__(self, *args: Any) -> Any:
        """What the module gives."""
        device = next(self.module.parameters()).device.type
        if torch.is_grad_enabled() or not torch.is_autocast_enabled(device):
            return self.module(*args)
        return self._cast(torch.get_autocast_dtype(device))(*args)

    def _cast(self, dtype: torch.dtype) -> nn.Module:
        weights = (*self.module.parameters(), *self.module.buffers())
        state = (dtype, *tensor_states(weights))
        if state != self._made_for:
            replaced = {id(weight): weight for weight in weights}
            with torch.inference_mode(False), torch.no_grad():
                for matrix in _matrices(self.module):
                    replaced[id(matrix)] = nn.Parameter(matrix.to(dtype), requires_grad=False)
            self._copy, self._made_for = copy.deepcopy(self.module, replaced), state
        return self._copy


def tensor_states(tensors: Iterable[Tensor]) -> tuple[tuple[int, int], ...]:
    """What changes when tensors are replaced or written to."""
    return tuple((tensor.data_ptr(), tensor._version) for tensor in tensors)


def _matrices(module: nn.Module) -> Iterator[nn.Parameter]:
    for part in module.modules():
        if isinstance(part, _CAST):
            yield from part.parameters(recurse=False)
