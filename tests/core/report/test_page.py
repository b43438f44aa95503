"""What a page holds, before a browser opens it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from moving_answers import moving_shapes, write_video

from clipvis_core import InputError
from clipvis_core.media import open_frames
from clipvis_core.report import MOST_FRAMES, write_report
from clipvis_core.report import content as page_content
from clipvis_core.report.page import _file, _script


def written(answer, tmp_path, **options) -> str:
    source = open_frames(write_video(tmp_path / "clip.mp4", answer))
    write_report(answer, source, tmp_path / "report.html", progress=False, **{"score_thr": 0.3, **options})
    return (tmp_path / "report.html").read_text()


def element(page: str, name: str) -> str:
    """Content of a script element."""
    (text,) = re.findall(rf'<script [^>]*id="{name}">(.*?)</script>', page, re.S)
    return text


def masks_in(page: str, num_frames: int) -> list[dict[int, str]]:
    """For each frame the counts of its masks by the track's place."""
    blocks = [element(page, f"masks-{number}") for number in range(-(-num_frames // page_content.BLOCK))]
    lines = [line.split() for block in blocks for line in block.split("\n")]
    return [dict(zip(map(int, line[::2]), line[1::2], strict=True)) for line in lines]


def test_it_holds_all_masks_and_facts(tmp_path):
    answer = moving_shapes(num_tracks=5, num_frames=47)
    page = written(answer, tmp_path, complete=False)
    facts = json.loads(element(page, "facts"))
    assert (facts["frames"], facts["times"], facts["threshold"]) == (47, answer.times, 0.3)
    assert (facts["complete"], facts["leftOut"], facts["words"]) == (False, 0, list(answer.vocabulary.names))
    records = answer.records()
    assert [track["score"] for track in facts["tracks"]] == [record["score"] for record in records]
    for place, record in enumerate(records):
        runs = facts["tracks"][place]["runs"]
        there = {t for start, end in zip(runs[::2], runs[1::2], strict=True) for t in range(start, end)}
        assert there == {t for t, mask in enumerate(record["segmentations"]) if mask}
    for frame, masks in enumerate(masks_in(page, 47)):
        truth = {place: record["segmentations"][frame] for place, record in enumerate(records)}
        assert masks == {place: mask["counts"] for place, mask in truth.items() if mask}


def test_it_is_hardly_larger_than_what_it_holds(tmp_path):
    """2,000 frames: at most half as much again as the run lengths, besides the video."""
    short = moving_shapes(num_tracks=10, num_frames=50)
    masks = [list(track) * 40 for track in short.tracks.segmentations]
    tracks = replace(short.tracks, segmentations=masks)
    answer = replace(short, num_frames=2000, tracks=tracks, times=[t / 10 for t in range(2000)])
    frame = np.zeros((answer.height, answer.width, 3), np.uint8)
    source = open_frames(frame for _ in range(2000))
    write_report(answer, source, tmp_path / "report.html", score_thr=0.3, progress=False)
    page = (tmp_path / "report.html").read_text()
    run_lengths = sum(len(mask["counts"]) for track in masks for mask in track if mask)
    assert len(page) - len(element(page, "media")) < 1.5 * run_lengths


def test_the_video_is_carried_as_it_is(tmp_path):
    answer = moving_shapes(num_tracks=1, num_frames=9, height=61, width=83)
    page = written(answer, tmp_path)
    (tmp_path / "carried.mp4").write_bytes(base64.b64decode(element(page, "media"), validate=True))
    source = open_frames(tmp_path / "carried.mp4")
    assert ((source.height, source.width), len(list(source))) == ((62, 84), 9)


def test_names_cannot_leave_their_place(tmp_path):
    page = written(moving_shapes(num_tracks=4, num_frames=2), tmp_path)
    assert "<title>clip &quot;1&quot; &lt;b&gt;&amp;amp;</title>" in page
    assert 'document.title = \\"broken\\"' in element(page, "facts")
    assert page.count("<script") == page.count("</script>") == 4
    assert "default-src 'none'" in page
    assert "http" not in re.sub(r'http-equiv="Content', "", page.split('id="facts"')[0])


def test_more_tracks_than_there_is_room_for(tmp_path, monkeypatch):
    answer = moving_shapes(num_tracks=9, num_frames=3)
    size = sum(len(mask["counts"]) for track in answer.tracks.segmentations[:4] for mask in track if mask)
    for name, value, kept in (("MOST_TRACKS", 6, 6), ("MOST_MASK_BYTES", size, 4)):
        with monkeypatch.context() as patch:
            patch.setattr(page_content, name, value)
            facts = json.loads(element(written(answer, tmp_path), "facts"))
        assert [track["number"] for track in facts["tracks"]] == list(range(1, kept + 1))
        assert facts["leftOut"] == 9 - kept


def test_nothing_found_and_too_much(tmp_path):
    empty = moving_shapes(num_tracks=0, num_frames=3)
    assert json.loads(element(written(empty, tmp_path), "facts"))["tracks"] == []
    before = (tmp_path / "report.html").read_bytes()
    source = open_frames(np.zeros((3, 120, 160, 3), np.uint8))
    endless = replace(empty, num_frames=MOST_FRAMES + 1)
    with pytest.raises(InputError, match="at most 20000 frames"):
        write_report(endless, source, tmp_path / "report.html", score_thr=0.3, progress=False)
    assert (tmp_path / "report.html").read_bytes() == before


def test_the_modules_fit_into_one():
    """Nothing ends the element they stand in, nothing is imported any more, and no name is given twice."""
    script = _script()
    assert "</script" not in script
    assert "<!--" not in script
    assert not re.search(r"^(import|export)\b", script, re.M)
    names = re.findall(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", script, re.M)
    assert len(names) == len(set(names)) > 30
    assert "clearRect" in script
    assert "<!--script-->" in _file("page.html")
