"""Mixed precision: float16 with loss scaling, as published, or bfloat16 without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner.amp import autocast
from torch import nn

from clipvis_core import InputError


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Autocast to bfloat16 around the forward pass, on a GPU or a CPU.

    bfloat16 has float32's range, so gradients neither vanish nor overflow and need no loss scaling; mmengine's
    `AmpOptimWrapper` scales, and takes GPUs only. Weights, gradients and the optimizer stay float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of a forward pass."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield


def use_mixed_precision(config: Config, dtype: Literal["float16", "bfloat16"]) -> None:
    """Changes a config's `optim_wrapper` to train in mixed precision.

    Raises:
        InputError: float16 without a GPU.
    """
    if dtype == "bfloat16":
        config.optim_wrapper.type = "BFloat16OptimWrapper"
        config.optim_wrapper.pop("loss_scale", None)
        return
    if not torch.cuda.is_available():
        raise InputError("float16 with loss scaling needs a GPU; here take --amp-dtype bfloat16, or no --amp")
    config.optim_wrapper.type = "AmpOptimWrapper"
    config.optim_wrapper.dtype = "float16"
    config.optim_wrapper.setdefault("loss_scale", "dynamic")
