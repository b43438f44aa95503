"""The table and the csv files."""

from __future__ import annotations

import csv
import os

import pytest

from clipvis_core import InputError
from clipvis_core.batch.outcomes import Outcome, State
from clipvis_core.batch.summary import TABLE_ROWS, Summary

OUTCOMES = [
    Outcome(2, "in/c.mp4", "out/c", State.FAILED, message="c.mp4, line\tbroken"),
    Outcome(0, "in/a, b.mp4", "out/a", State.DONE, 7, ["dog", "cat", "dog"], 1.25),
    Outcome(1, "in/[bold]é.mp4", "out/b", State.SKIPPED, 3, []),
]


def rows(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def summed(tmp_path, outcomes, share="") -> Summary:
    summary = Summary(tmp_path, share)
    for outcome in outcomes:
        summary.add(outcome)
    summary.write()
    return summary


def test_csv_files_are_in_the_order_of_the_inputs(tmp_path):
    summed(tmp_path, OUTCOMES)
    table = rows(tmp_path / "summary.csv")
    assert [row["input"] for row in table] == ["in/a, b.mp4", "in/[bold]é.mp4", "in/c.mp4"]
    assert [row["state"] for row in table] == ["done", "skipped", "failed"]
    assert (table[0]["frames"], table[0]["tracks"], table[0]["labels"]) == ("7", "3", "dog 2; cat 1")
    assert rows(tmp_path / "failures.csv") == [
        {"input": "in/c.mp4", "folder": "out/c", "message": "c.mp4, line\tbroken"}
    ]


def test_a_name_that_is_no_text(tmp_path):
    name = b"in/\xff.mp4"
    summed(tmp_path, [Outcome(0, os.fsdecode(name), "out/x", State.DONE)])
    assert name in (tmp_path / "summary.csv").read_bytes()


def test_failures_of_an_earlier_run_go_and_shares_have_files_of_their_own(tmp_path):
    summed(tmp_path, OUTCOMES)
    summed(tmp_path, OUTCOMES, "-1-of-2")
    summed(tmp_path, OUTCOMES[1:])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "failures-1-of-2.csv", "summary-1-of-2.csv", "summary.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["summary.csv", "failures.csv"])
def test_a_file_of_somebody_else_stays(tmp_path, name):
    (tmp_path / name).write_text("my,own,table\n")
    with pytest.raises(InputError, match=f"{name} was not written by a run of this program"):
        Summary(tmp_path)


def test_the_table_shows_failures_first_and_not_all(tmp_path, capsys):
    many = [Outcome(index, f"v{index}.mp4", "out", State.DONE) for index in range(3, 60)]
    summed(tmp_path, [*OUTCOMES, *many]).print()
    printed = capsys.readouterr().out
    assert printed.index("c.mp4") < printed.index("a, b.mp4")
    assert f"... and {60 - TABLE_ROWS} more in {tmp_path}/summary.csv" in printed
    assert "58 done, 1 skipped, done before, 1 failed" in printed
    assert "[bold]" in printed
