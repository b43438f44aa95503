"""What `tools/test.py --resume` takes for the same test."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from clipvis_core.foundation.errors import InputError
from clipvis_eval.running import ResultStore


@pytest.fixture
def identity(tmp_path):
    """The identity of a test with some hooks."""
    from _testing import identity as made

    (tmp_path / "weights.pth").write_bytes(b"weights")

    def identity_with(hooks):
        config = Config({"model": {"type": "A"}, "test_dataloader": {"dataset": {"type": "B"}}, "custom_hooks": hooks})
        return made(config, str(tmp_path / "weights.pth"), "float32")

    return identity_with


def test_class_agnostic_and_ordinary_results_do_not_mix(identity, tmp_path):
    ordinary = [{"type": "VocabularyHook"}]
    agnostic = [{"type": "VocabularyHook", "class_agnostic": True}]
    ResultStore(tmp_path / "store", identity(ordinary), resume=False).write(1, [])
    assert ResultStore(tmp_path / "store", identity(ordinary), resume=True).finished() == {1}
    with pytest.raises(InputError, match="was made with another list of hooks"):
        ResultStore(tmp_path / "store", identity(agnostic), resume=True)
