"""mmcv's deformable attention on a GPU for which its kernel was not compiled."""

from __future__ import annotations

from mmcv.ops import get_compiling_cuda_version, multi_scale_deform_attn


def use_pytorch_form_without_kernel() -> None:
    """Makes mmcv take its PyTorch form on CUDA tensors if this mmcv has no CUDA kernel.

    mmcv chooses the kernel whenever a GPU is there, also in a build without CUDA operators, where the call fails;
    the PyTorch form runs everywhere, more slowly.
    """
    if get_compiling_cuda_version() == "not available":
        multi_scale_deform_attn.IS_CUDA_AVAILABLE = False
