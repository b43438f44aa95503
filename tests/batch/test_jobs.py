"""Output folders and shares."""

from __future__ import annotations

import json
import random
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipvis_core import InputError
from clipvis_core.batch.inputs import FoundInput
from clipvis_core.batch.jobs import jobs_of, parse_shard

NAMES = st.lists(st.sampled_from(["a", "A", "a/b", "a/b/c", "b", "é", "é", "summary.csv", "x" * 200]), max_size=8)


def folders(inputs: list[FoundInput]) -> dict[str, str]:
    return {job.video: job.folder for job in jobs_of(inputs, Path("out"))}


@given(names=NAMES, seed=st.integers(0, 100))
def test_no_two_inputs_share_a_folder_in_whatever_order_they_come(names, seed):
    inputs = [FoundInput(f"/in/{place}/{name}.mp4", name) for place, name in enumerate(names)]
    chosen = folders(inputs)
    keys = [folder.casefold() for folder in chosen.values()]
    assert len(set(keys)) == len(keys)
    assert not {str(parent) for key in keys for parent in PurePath(key).parents} & set(keys)
    assert "out/summary.csv" not in keys
    random.Random(seed).shuffle(inputs)
    assert folders(inputs) == chosen


def test_names_are_plain_where_nothing_collides():
    inputs = [FoundInput("/in/park.mp4", "park"), FoundInput("/in/a/beach.mov", "a/beach")]
    assert list(folders(inputs).values()) == ["out/park", "out/a/beach"]


def test_the_folder_of_another_input_is_left_alone(tmp_path):
    (job,) = jobs_of([FoundInput(str(tmp_path / "park.mp4"), "park")], tmp_path / "out")
    assert job.place() == tmp_path / "out/park"
    job.place().mkdir(parents=True)
    record = {"made_by": "clipvis", "files": [], "input": str(tmp_path / "park.mp4")}
    (tmp_path / "out/park/video.json").write_text(json.dumps(record))
    assert job.place() == tmp_path / "out/park"
    (tmp_path / "out/park/video.json").write_text(json.dumps({**record, "input": "/elsewhere/park.mp4"}))
    assert job.place() == Path(job.spare) != tmp_path / "out/park"


@given(count=st.integers(0, 30), shares=st.integers(1, 8))
def test_shares_are_the_whole(count, shares):
    jobs = jobs_of([FoundInput(f"/in/{index}.mp4", str(index)) for index in range(count)], Path("out"))
    parts = [jobs[number - 1 :: of] for number, of in (parse_shard(f"{i}/{shares}") for i in range(1, shares + 1))]
    assert sorted(job.index for part in parts for job in part) == list(range(count))


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2", ""])
def test_what_is_no_share(text):
    with pytest.raises(InputError, match="give I/N"):
        parse_shard(text)
