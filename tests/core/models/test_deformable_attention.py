"""Which form of mmcv's deformable attention is taken on a GPU."""

from __future__ import annotations

import pytest
from mmcv.ops import multi_scale_deform_attn

from clipvis_core.models import deformable_attention


@pytest.mark.parametrize(("compiled_with", "kernel"), [("not available", False), ("13.0", True)])
def test_kernel_only_where_it_was_compiled(monkeypatch, compiled_with, kernel):
    monkeypatch.setattr(multi_scale_deform_attn, "IS_CUDA_AVAILABLE", True)
    monkeypatch.setattr(deformable_attention, "get_compiling_cuda_version", lambda: compiled_with)
    deformable_attention.use_pytorch_form_without_kernel()
    assert multi_scale_deform_attn.IS_CUDA_AVAILABLE is kernel
