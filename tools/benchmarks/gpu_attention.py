"""The forms of deformable attention against each other, forward and backward, at the sizes of a frame."""

from __future__ import annotations

import argparse
from functools import partial

import torch
from torch import Tensor

from benchmarks.gpu_models import first_line, measured, precision
from clipvis_core.models.deformable_attention import FORMS, deformable_attention
from clipvis_core.models.pixel_decoder import cell_centres

HEADS, POINTS, CHANNELS = 8, 4, 32


def run(args: argparse.Namespace, dtype: str) -> dict:
    """Milliseconds of each form for a window of frames; the differences from the plain form."""
    sizes = tuple((args.size[0] // stride, args.size[1] // stride) for stride in (32, 16, 8))
    value, places, weights = arguments(sizes, args, torch.float32 if dtype == "tf32" else getattr(torch, dtype))
    plain = deformable_attention(value, sizes, places, weights, "pytorch")
    found = {}
    for form in FORMS:
        call = partial(deformable_attention, value, sizes, places, weights, form)
        try:
            with precision(dtype):
                found[form] = {
                    "forward": round(1000 * measured(call, args).seconds, 4),
                    "forward_and_backward": round(1000 * measured(partial(_both, call, value), args).seconds, 4),
                    "largest_difference": float((call() - plain).abs().max()),
                }
        except Exception as error:  # a form that this machine has not
            found[form] = {"failed": first_line(error)}
    return found


def arguments(sizes: tuple, args: argparse.Namespace, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Values, places some cells away from each cell, weights; all with gradients."""
    generator = torch.Generator().manual_seed(0)
    cells = sum(height * width for height, width in sizes)
    value = torch.randn((args.window, cells, HEADS, CHANNELS), generator=generator).to(args.device, dtype)
    centres = cell_centres(sizes, HEADS, POINTS, torch.float32, torch.device(args.device))
    offsets = torch.randn((args.window, *centres.shape), generator=generator).to(args.device)
    weights = torch.rand((args.window, cells, HEADS, len(sizes), POINTS), generator=generator).to(args.device)
    return tuple(tensor.requires_grad_() for tensor in (value, (centres + 2 * offsets).detach(), weights))


def _both(call: partial, value: Tensor) -> None:
    value.grad = None
    call().sum().backward()
