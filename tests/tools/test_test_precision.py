"""`tools/test.py --dtype`: the precision reaches the model through mmengine's loops, which switch autocast off."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clipvis_core.foundation.errors import InputError
from clipvis_core.inference import build_model


@pytest.fixture
def program():
    import _testing

    return _testing


def test_the_network_runs_in_lower_precision_within_a_loop_that_switches_it_off(program, repo_root, monkeypatch):
    model = build_model(repo_root / "configs/quick/clips.py", None)
    model.set_vocabulary(["dog"])
    seen = []
    segment = model.segment

    def watched(images):
        seen.append(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None)
        return segment(images)

    monkeypatch.setattr(model, "segment", watched)
    program.set_precision(model, "bfloat16")
    with torch.autocast("cpu", enabled=False):
        assert model.outputs(torch.zeros(1, 3, 64, 64)).mask_logits.dtype == torch.float32
    assert seen == [torch.bfloat16]
    assert model.head.follows_autocast


def test_other_models_are_refused(program):
    with pytest.raises(InputError, match="--dtype bfloat16 is for CLIP-VIS models"):
        program.set_precision(nn.Linear(1, 1), "bfloat16")
