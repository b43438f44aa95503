"""What a run wrote is read back as it was, or refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from written_answers import random_result, write_answer

from clipvis_core import InputError
from clipvis_core.inference import Answer
from clipvis_core.inference.output_folder import RECORD, RESULTS, WORDS


@pytest.mark.parametrize("contrast", [True, False])
@pytest.mark.parametrize("num_tracks", [0, 1, 6])
def test_an_answer_is_read_as_it_was_written(tmp_path, num_tracks, contrast):
    result = random_result(1, num_tracks, contrast=contrast)
    answer = Answer.read(write_answer(result, tmp_path / "clip", complete=False))
    assert answer.result.records() == result.records()
    assert (answer.score_thr, answer.complete, str(answer.video)) == (0.3, False, "/videos/clip.mp4")
    for field in ("name", "height", "width", "frame_rate", "num_frames", "vocabulary", "times"):
        assert getattr(answer.result, field) == getattr(result, field)
    assert answer.drawn().indices == result.drawn(0.3).indices
    assert answer.drawn(0.0, all_tracks=True).summary() == result.drawn(0.0, all_tracks=True).summary()


def test_places_of_frames_in_their_video(tmp_path):
    result = random_result(4)
    assert list(Answer.read(write_answer(result, tmp_path / "whole")).result.numbers) == [0, 1, 2, 3, 4]
    part = replace(result, frames=[7, 9, 11, 13, 15])
    answer = Answer.read(write_answer(part, tmp_path / "part"))
    assert answer.result.numbers == [7, 9, 11, 13, 15]
    lines = answer.drawn(0.0, all_tracks=True).summary()
    assert lines == part.drawn(0.0, all_tracks=True).summary()
    assert {line.first for line in lines} <= {7, 9, 11, 13, 15}


@pytest.mark.parametrize(
    ("name", "field", "value", "message"),
    [
        (RECORD, "num_frames", 7, "must be a list of 7 entries"),
        (RECORD, "num_frames", 0, "field 'num_frames' is 0"),
        (RECORD, "height", 10**9, "field 'height' is 1000000000"),
        (RECORD, "width", None, "field 'width' is None"),
        (RECORD, "frame_rate", "25/0", "field 'frame_rate' is '25/0'"),
        (RECORD, "times", [0, "1"], "field 'times'"),
        (RECORD, "frames", [0, 1, 2, 4, 3], "field 'frames'"),
        (RECORD, "frames", [0, 1], "field 'frames'"),
        (RECORD, "frames", [-1, 1, 2, 3, 4], "field 'frames'"),
        (RECORD, "frames", "all", "field 'frames'"),
        (RECORD, "score_thr", float("nan"), "field 'score_thr' is nan"),
        (RECORD, "made_by", "somebody", "is no output folder of clipvis"),
        (RESULTS, "category_id", 4, "category_id is 4, and there are 3 categories"),
        (RESULTS, "query", -1, "query is -1"),
        (RESULTS, "score", "high", "score is not a number"),
        (RESULTS, "segmentations", [{"size": [24, 32], "counts": "~~~"}] * 5, "record 0: segmentations"),
        (RESULTS, "segmentations", [{"size": [25, 32], "counts": "PZ="}] * 5, "record 0: segmentations"),
    ],
)
def test_damage_is_one_line(tmp_path, name, field, value, message):
    folder = write_answer(random_result(2), tmp_path / "clip")
    content = json.loads((folder / name).read_text())
    (content if isinstance(content, dict) else content[0])[field] = value
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as error:
        Answer.read(folder)
    assert "\n" not in str(error.value)
    assert len(str(error.value).replace(str(tmp_path), "")) < 300


@pytest.mark.parametrize("name", [RECORD, RESULTS, WORDS])
def test_a_folder_half_deleted(tmp_path, name):
    folder = write_answer(random_result(3), tmp_path / "clip")
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        Answer.read(folder)
