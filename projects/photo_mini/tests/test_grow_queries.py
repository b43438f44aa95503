"""More queries for trained weights."""

from __future__ import annotations

import pytest
import torch

from clipvis_core.checkpoints import read_checkpoint, write_weights
from clipvis_core.foundation.errors import InputError
from projects.photo_mini.photo_mini.grow_queries import QUERY_TABLES, grow_rows

PROGRAM = "projects/photo_mini/photo_mini/grow_queries.py"
EARLIER_TABLES = ("head.query_feat.weight", "head.query_embed.weight")


def test_old_rows_stay_and_new_ones_are_near_them():
    table = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    grown = grow_rows(table, 10, 0.1, torch.Generator().manual_seed(1))
    assert grown.shape == (10, 64)
    assert torch.equal(grown[:4], table)
    for row in range(4, 10):
        distance = (grown[row] - table).norm(dim=1)
        assert distance.argmin() == row % 4
        assert distance.min() > 0


def test_queries_are_not_taken_away():
    with pytest.raises(InputError, match="4 queries already"):
        grow_rows(torch.zeros(4, 2), 3, 0.1, torch.Generator())


@pytest.mark.parametrize("tables", [QUERY_TABLES, EARLIER_TABLES])
def test_the_program(run_program, tmp_path, tables):
    state = {name: torch.randn(5, 8) for name in tables} | {"other": torch.ones(3)}
    source, target = tmp_path / "old.safetensors", tmp_path / "folder/new.safetensors"
    write_weights(state, source, dtype=torch.float16, meta={})
    code, _, error = run_program(PROGRAM, source, target, "--queries", 7)
    assert not code, error
    grown = read_checkpoint(target)["state_dict"]
    assert {name: len(value) for name, value in grown.items()} == {**dict.fromkeys(QUERY_TABLES, 7), "other": 3}


def test_weights_without_queries_are_refused(run_program, tmp_path):
    write_weights({"other": torch.ones(3)}, tmp_path / "old.safetensors")
    code, _, error = run_program(PROGRAM, tmp_path / "old.safetensors", tmp_path / "new.safetensors")
    assert code == 2
    assert "query_feat" in error
    assert not (tmp_path / "new.safetensors").exists()
