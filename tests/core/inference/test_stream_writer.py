"""Streams on disk: what is there when they end, are stopped, or break off."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import Future
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from clipvis_core import InputError, Vocabulary
from clipvis_core.inference.stream_writer import write_stream
from clipvis_core.media import VideoWriter, open_frames
from clipvis_core.tracking import FrameTracks

SIZE = (32, 48)


def tracks_of(frame: int) -> FrameTracks:
    """One track without a pixel."""
    codes = Future()
    codes.set_result({})
    values = (np.array([7]), np.array([0]), np.array([0]), np.array([0.5], np.float32), np.array([False]))
    return FrameTracks(*values).masked(frame, SIZE, codes)


class Stream:
    """Frames as `FrameStream` yields them, from a generator of nothing: `between(t)` runs before frame t."""

    def __init__(self, num_frames: int, between=lambda t: None) -> None:
        self.source = SimpleNamespace(height=SIZE[0], width=SIZE[1], frame_rate=Fraction(10), sound=lambda: None)
        self.vocabulary = Vocabulary.from_text("dog")
        self.seen = 0
        self.time, self.number = 0.0, 0
        self._frames = self._run(num_frames, between)

    def __iter__(self):
        return self._frames

    def close(self) -> None:
        self._frames.close()

    def _run(self, num_frames, between):
        for t in range(num_frames):
            between(t)
            self.seen, self.time, self.number = t + 1, t / 10, t
            yield np.full((*SIZE, 3), t, np.uint8), tracks_of(t)


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]


def test_a_line_and_a_picture_for_each_frame(tmp_path):
    written = write_stream(Stream(3), tmp_path, score_thr=0.3, draw=True)
    assert sorted(written) == sorted(path.name for path in tmp_path.iterdir())
    assert [(line["frame"], line["time"]) for line in lines(tmp_path)] == [(0, 0), (1, 0.1), (2, 0.2)]
    track = {"id": 7, "category_id": 1, "label": "dog", "score": 0.5, "segmentation": None}
    assert lines(tmp_path)[2]["tracks"] == [track]
    assert len(list(open_frames(tmp_path / "overlay.mp4"))) == 3


def test_weak_tracks_are_left_out_and_no_video_is_none(tmp_path):
    assert write_stream(Stream(1), tmp_path, score_thr=0.6, draw=False) == ["frames.jsonl"]
    assert lines(tmp_path) == [{"frame": 0, "time": 0.0, "tracks": []}]


def test_an_interrupt_ends_with_the_frames_that_were_seen(tmp_path):
    """What is in the result is in frames.jsonl."""
    stream = Stream(50, between=lambda t: os.kill(os.getpid(), signal.SIGINT) if t == 5 else None)
    write_stream(stream, tmp_path, score_thr=0.3, draw=False)
    assert stream.seen < 50
    assert len(lines(tmp_path)) == stream.seen


def test_the_video_is_open_as_long_as_frames_are_written(tmp_path, monkeypatch):
    """A stream that breaks off while the worker still draws: no write comes after the end."""
    events = []
    write, leave = VideoWriter.write, VideoWriter.__exit__

    def slow(self, frame, due=None):
        time.sleep(0.05)
        write(self, frame, due)
        events.append("frame")

    def watched(self, *error):
        events.append("closed")
        leave(self, *error)

    monkeypatch.setattr(VideoWriter, "write", slow)
    monkeypatch.setattr(VideoWriter, "__exit__", watched)

    def broken(t):
        if t == 3:
            raise InputError("the cable was pulled")

    with pytest.raises(InputError, match="the cable was pulled"):
        write_stream(Stream(9, broken), tmp_path, score_thr=0.3, draw=True)
    assert events == ["frame"] * 3 + ["closed"]
    assert [line["frame"] for line in lines(tmp_path)] == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["frames.jsonl"]
