"""Precision, compilation and CUDA graphs of a model that infers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from clipvis_core.models.cuda_graphs import CudaGraphs

if TYPE_CHECKING:
    from clipvis_core.models.base import CLIPVISModel


@dataclass(frozen=True)
class Arithmetic:
    """How a model computes; the default is that of the published system.

    Attributes:
        dtype: float32, or bfloat16 or float16 for the matrix products and convolutions of all parts. The places where
            deformable attention samples, its softmax and what follows the network stay in float32. The decoders keep
            copies of their matrices in that precision.
        compile: Have `torch.compile` fuse the image encoder and the pixel decoder, and on a GPU the query decoder, too;
            the first frame of each size then waits for the compiler.
        cuda_graphs: Start the network of a window at once, as a CUDA graph, from the second window of a size on; see
            `CudaGraphs`.

    Example:
        Arithmetic(dtype=torch.bfloat16).prepare(model)
        outputs = model.outputs(images)
    """

    dtype: torch.dtype = torch.float32
    compile: bool = False
    cuda_graphs: bool = False

    def prepare(self, model: CLIPVISModel) -> None:
        """Has the model's `outputs` compute so; its parameters and their names stay as they are."""
        model.arithmetic = self
        model.head.follow_autocast(self.dtype != torch.float32)
        weights = (*model.parameters(), *model.buffers())
        model.cuda_graphs = CudaGraphs(model.network, weights) if self.cuda_graphs else None
        if self.compile:
            model.head.pixel_decoder.compile()
            model.backbone.compile()
            if model.data_preprocessor.device.type != "cpu":
                model.head.query_decoder.compile()

    def running(self, device: torch.device | str) -> AbstractContextManager:
        """The context in which parts of a prepared model are to be called; `outputs` enters it by itself."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(torch.device(device).type, dtype=self.dtype)
