"""tools/convert_checkpoint.py: official to ours and back, bit for bit."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from clipvis_core.checkpoints import to_official
from clipvis_core.inference import build_model


@pytest.fixture
def convert(program):
    """`tools/convert_checkpoint.py` with arguments."""
    return partial(program, "convert_checkpoint.py")


@pytest.fixture(scope="module")
def official(repo_root):
    model = build_model(repo_root / "configs/video/clipvis_r50_lvis.py", checkpoint=None)
    state = to_official(model.state_dict())
    return {"model": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}, "iteration": 9}


def test_there_and_back(convert, official, tmp_path):
    torch.save(official, tmp_path / "official.pth")
    code, out, _ = convert(tmp_path / "official.pth", tmp_path / "ours.pth")
    assert code == 0
    assert "RN50 with 6 decoder layers" in out
    code, out, _ = convert(tmp_path / "ours.pth", tmp_path / "back.pth")
    assert code == 0
    back = torch.load(tmp_path / "back.pth", weights_only=True)
    assert back.keys() == official.keys()
    assert back["iteration"] == 9
    assert back["model"].keys() == official["model"].keys()
    for name, tensor in official["model"].items():
        assert back["model"][name].dtype == tensor.dtype
        assert torch.equal(back["model"][name], tensor), name


def test_faults_leave_no_file(convert, official, tmp_path):
    state = dict(official["model"])
    state.pop("sem_seg_head.predictor.query_feat.weight")
    torch.save({"model": state}, tmp_path / "official.pth")
    code, _, err = convert(tmp_path / "official.pth", tmp_path / "ours.pth")
    assert code == 2
    assert "1 missing: head.query_decoder.query_feat.weight" in err
    code, _, err = convert(tmp_path / "none.pth", tmp_path / "ours.pth")
    assert code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["official.pth"]
