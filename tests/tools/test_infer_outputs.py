"""What an answer leaves in its folder: where, when, and what stays when it ends early."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial

import av
import numpy as np
import pytest
from PIL import Image

from clipvis_core.inference import Answer
from clipvis_core.inference.result import DrawnTracks
from clipvis_core.media import open_frames

SHORT = ["--classes", "dog", "--short-side", "64", "--topk", "5"]
TIMES = [0.0, 0.1, 0.5, 1.75]


@pytest.fixture
def infer(program):
    return partial(program, "infer.py")


@pytest.fixture
def clip(tmp_path):
    """A video whose frames do not come evenly."""
    path = tmp_path / "clip.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for seconds in TIMES:
            picture = np.kron(rng.integers(0, 255, (4, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def times_of(path) -> list[float]:
    source = open_frames(path)
    return [source.time for _ in source]


def test_times_and_same_stems_and_odd_names(infer, clip, tmp_path, monkeypatch):
    """Frames keep their times, in each mode; a.mp4 and a.mov have a folder each; a colon is no protocol."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip, tmp_path / "clip.mov")
    code, stdout, _ = infer("clip.mp4", *SHORT)
    assert code == 0
    files = "contact_sheet.png, features.bin, overlay.mp4, report.html, results.json, video.json, vocabulary.json"
    assert f"wrote {files} to outputs/clip" in stdout
    code, stdout, _ = infer("clip.mov", *SHORT, "--stream", "--no-video")
    assert (code, stdout.splitlines()[-1].split(" to ")[1]) == (0, "outputs/clip-2")
    assert times_of("outputs/clip/overlay.mp4") == pytest.approx(TIMES, abs=2e-3)
    lines = [json.loads(line) for line in (tmp_path / "outputs/clip-2/frames.jsonl").read_text().splitlines()]
    assert [line["time"] for line in lines] == TIMES
    for folder in ("outputs/clip", "outputs/clip-2"):
        record = json.loads((tmp_path / folder / "video.json").read_text())
        assert (record["times"], record["complete"], record["num_frames"]) == (TIMES, True, 4)
    assert infer("clip.mp4", *SHORT, "--out-dir", "run-12:30")[0] == 0
    assert (tmp_path / "run-12:30/overlay.mp4").exists()


def test_a_part_keeps_the_frames_numbers_and_times(infer, clip, tmp_path):
    """In each mode; the overlay begins with the part."""
    asked = [*SHORT, "--start", "0.05", "--end", "00:00:01.76", "--masks", "--score-thr", "0", "--all-tracks"]
    for mode in ([], ["--stream"]):
        out = tmp_path / f"out{len(mode)}"
        code, _, _ = infer(clip, *asked, *mode, "--out-dir", out)
        assert code == 0
        record = json.loads((out / "video.json").read_text())
        assert (record["frames"], record["times"], record["num_frames"]) == ([1, 2, 3], TIMES[1:], 3)
        assert times_of(out / "overlay.mp4") == pytest.approx([0.0, 0.4, 1.65], abs=2e-3)
        assert sorted(path.name for path in (out / "masks").iterdir()) == ["00001.png", "00002.png", "00003.png"]
        answer = Answer.read(out)
        assert list(answer.result.numbers) == [1, 2, 3]
        assert all(1 <= line.first <= line.last <= 3 for line in answer.drawn(all_tracks=True).summary())
    assert infer("ask", out, "--classes", "grass")[0] == 0
    assert json.loads((out / "asked/video.json").read_text())["frames"] == [1, 2, 3]
    assert times_of(out / "asked/overlay.mp4") == pytest.approx([0.0, 0.4, 1.65], abs=2e-3)
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["time"]) for line in lines] == list(zip([1, 2, 3], TIMES[1:], strict=True))


def test_a_part_after_the_end_is_one_line(infer, clip, tmp_path):
    code, _, stderr = infer(clip, *SHORT, "--start", "2", "--out-dir", tmp_path / "out")
    assert code == 2
    assert "clip: no frame is shown from 2 s on: its last one is at 1.75 s" in stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_page_where_there_is_room_and_it_is_wanted(infer, clip, tmp_path, monkeypatch):
    """Of a stream from a file too; the page of an earlier run does not stay beside another answer."""
    out = tmp_path / "out"
    assert infer(clip, *SHORT, "--stream", "--out-dir", out)[0] == 0
    assert b"<!doctype html>" in (out / "report.html").read_bytes()
    assert infer(clip, *SHORT, "--no-report", "--out-dir", out)[0] == 0
    assert not (out / "report.html").exists()
    assert (out / "overlay.mp4").exists()
    monkeypatch.setattr("clipvis_core.batch.answer_files.MOST_FRAMES", 3)
    code, _, stderr = infer(clip, *SHORT, "--out-dir", out)
    assert code == 0
    assert "no report.html: 4 frames are more than 3" in stderr
    assert not (out / "report.html").exists()


def test_the_input_is_never_written_over(infer, clip, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    clip.rename(mine / "overlay.mp4")
    before = (mine / "overlay.mp4").read_bytes()
    code, _, stderr = infer(mine / "overlay.mp4", *SHORT, "--out-dir", mine)
    assert (code, (mine / "overlay.mp4").read_bytes()) == (2, before)
    assert "is read by this run" in stderr
    frames = tmp_path / "frames"
    frames.mkdir()
    Image.new("RGB", (32, 24)).save(frames / "0.png")
    code, _, stderr = infer(frames, *SHORT, "--out-dir", frames)
    assert code == 2
    assert "is the folder of the frames" in stderr
    assert [path.name for path in frames.iterdir()] == ["0.png"]


def test_a_full_disk_is_one_line_and_leaves_nothing(infer, clip, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(av.container.OutputContainer, "mux", full)
    code, _, stderr = infer(clip, *SHORT, "--out-dir", tmp_path / "out")
    assert code == 2
    assert stderr.splitlines()[-1].startswith("error: ")
    assert "overlay.mp4 cannot be written (No space left on device)" in stderr
    assert not list((tmp_path / "out").glob(".*"))


def test_an_interrupt_while_drawing_keeps_the_result_and_what_was_drawn(infer, clip, tmp_path, monkeypatch):
    draw = DrawnTracks.draw

    def interrupted(self, image, frame):
        if frame == 1:
            signal.raise_signal(signal.SIGINT)
        return draw(self, image, frame)

    monkeypatch.setattr(DrawnTracks, "draw", interrupted)
    code, stdout, stderr = infer(clip, *SHORT, "--out-dir", tmp_path / "out")
    assert code == 130
    assert stderr.splitlines()[-1] == "interrupted: results.json is whole, what was drawn ends early"
    assert "overlay.mp4" in stdout.splitlines()[-1]
    assert times_of(tmp_path / "out/overlay.mp4") == pytest.approx(TIMES[:2], abs=2e-3)
    record = json.loads((tmp_path / "out/video.json").read_text())
    assert (record["complete"], record["num_frames"]) == (False, len(TIMES))
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert {len(result["segmentations"]) for result in results} == {len(TIMES)}


@pytest.mark.parametrize("options", [["--no-video"], ["--live-only", "--no-video"]])
def test_what_a_break_leaves_is_not_complete(infer, tmp_path, options):
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(4):
        noise = np.random.default_rng(index).integers(0, 255, (64, 96, 3), np.uint8)
        Image.fromarray(noise).save(frames / f"{index}.png")
    given = [frames, *SHORT, *options, "--allow-truncated"]
    assert infer(*given, "--out-dir", tmp_path / "whole")[0] == 0
    whole = (frames / "3.png").read_bytes()
    (frames / "3.png").write_bytes(whole[: len(whole) // 2])
    code, _, stderr = infer(*given, "--out-dir", tmp_path / "cut")
    assert code == 0, stderr
    records = [json.loads((tmp_path / name / "video.json").read_text()) for name in ("whole", "cut")]
    assert [(record["complete"], record["num_frames"]) for record in records] == [(True, 4), (False, 3)]


def test_an_interrupt_keeps_what_is_done(repo_root, tmp_path):
    """Ctrl-C in the middle of a folder of frames: a result that says that it is partial, and exit code 130."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(1000):
        Image.new("RGB", (96, 64), (index % 256, 90, 30)).save(frames / f"{index}.bmp")
    messages = tmp_path / "messages"
    with messages.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, repo_root / "tools/infer.py", frames, *SHORT, "--no-video", "--out-dir", tmp_path / "out"],
            stderr=file, stdout=subprocess.DEVNULL, env={**os.environ, "CLIPVIS_CACHE": str(tmp_path)},
        )  # fmt: skip
        end = time.monotonic() + 120
        while not re.search(r" [1-9]\d*/1000", messages.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=120)
    errors = messages.read_text()
    assert code == 130, errors
    record = json.loads((tmp_path / "out/video.json").read_text())
    assert f"interrupted: this is the result of the frames before: {record['num_frames']}" in errors
    assert 0 < record["num_frames"] == len(record["times"]) < 1000
    assert record["complete"] is False
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert {len(result["segmentations"]) for result in results} == {record["num_frames"]}


def test_accents_where_the_locale_is_ascii(repo_root, clip, tmp_path):
    """The words are UTF-8 all the same, and the run does not end with its table."""
    done = subprocess.run(
        [
            sys.executable, repo_root / "tools/infer.py", clip, "--classes", "café, éclair", "--short-side", "64",
            "--no-video", "--out-dir", tmp_path / "out", "--score-thr", "0",
        ],
        capture_output=True, check=False,
        env={
            **os.environ, "CLIPVIS_CACHE": str(tmp_path), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b'categories: "caf?; ?clair"' in done.stderr.replace(b"\xc3\xa9", b"?").replace(b"??", b"?")
    words = json.loads((tmp_path / "out/vocabulary.json").read_text(encoding="utf-8"))["categories"]
    assert words[0]["synonyms"] == ["café", "éclair"]
    assert b"1 track " in done.stdout or b" tracks " in done.stdout


def test_exports_of_a_part_are_of_its_frames(infer, clip, tmp_path):
    """Pictures are those of the part, by the source's numbers."""
    drawn = ["--contrast", "none", "--score-thr", "0", "--all-tracks"]
    asked = [*SHORT, "--start", "0.4", *drawn, "--export", "csv,gif,coco", "--no-video"]
    out = tmp_path / "out"
    code, _, stderr = infer(clip, *asked, "--out-dir", out)
    assert code == 0, stderr
    every = list(open_frames(clip))
    pictures = sorted((out / "exports/coco").rglob("*.png")) or sorted((out / "exports/coco").rglob("*.jpg"))
    assert len(pictures) == 2
    for picture, number in zip(pictures, (2, 3), strict=True):
        assert np.abs(np.asarray(Image.open(picture)).astype(int) - every[number]).mean() < 8
    rows = next((out / "exports").glob("*.csv")).read_text().splitlines()
    assert {row.split(",")[2] for row in rows[1:]} <= {"0.5", "1.75"}
