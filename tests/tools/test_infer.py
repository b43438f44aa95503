"""tools/infer.py as a user calls it, good and bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core.media import open_frames

SHORT = ["--short-side", "64", "--topk", "5"]


@pytest.fixture
def infer(program):
    """`tools/infer.py` with arguments."""
    return partial(program, "infer.py")


@pytest.fixture
def frames_folder(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        picture = np.kron(rng.integers(0, 255, (5, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{index}.jpg")
    return folder


def test_video(infer, repo_root, tmp_path):
    out = tmp_path / "out"
    code, stdout, stderr = infer(
        repo_root / "assets/demo.mp4", "--classes", "dog, puppy; grass", "--out-dir", out, *SHORT, "--score-thr", "0"
    )
    assert code == 0
    assert "no model given: photo-mini, a small one, is used" in stderr
    assert "dog" in stdout or "grass" in stdout
    source, overlay = open_frames(repo_root / "assets/demo.mp4"), open_frames(out / "overlay.mp4")
    num_frames = len(list(source))
    assert len(list(overlay)) == num_frames
    assert overlay.frame_rate == source.frame_rate
    sheet = Image.open(out / "contact_sheet.png")
    assert sheet.width > sheet.height > 200
    records = json.loads((out / "results.json").read_text())
    assert len(records) == 5
    for record in records:
        assert set(record) == {"video_id", "score", "category_id", "query", "calibrated_score", "segmentations"}
        assert record["category_id"] in (1, 2)
        assert len(record["segmentations"]) == num_frames
        for segment in filter(None, record["segmentations"]):
            assert coco_mask.decode(segment).shape == (source.height, source.width)
    names = [category["name"] for category in json.loads((out / "vocabulary.json").read_text())["categories"]]
    assert names == ["dog", "grass"]


def test_a_config_alone_has_random_weights(infer, repo_root, frames_folder, tmp_path):
    config = repo_root / "configs/emojivis/clipvis_nano_video.py"
    code, _, stderr = infer(frames_folder, "--config", config, "--classes", "dog", "--out-dir", tmp_path, *SHORT)
    assert code == 0
    assert "they are random, so masks and names mean nothing" in stderr


def test_threshold_changes_the_table_only(infer, frames_folder, tmp_path):
    results = []
    for threshold in ("0", "1"):
        out = tmp_path / threshold
        code, stdout, _ = infer(
            frames_folder, "--classes", "dog", "--out-dir", out, *SHORT, "--score-thr", threshold, "--no-video"
        )
        assert code == 0
        assert sorted(path.name for path in out.iterdir()) == [
            "features.bin", "results.json", "video.json", "vocabulary.json"
        ]  # fmt: skip
        results.append(((out / "results.json").read_bytes(), stdout))
    assert results[0][0] == results[1][0]
    assert "0 tracks" in results[1][1]


def test_masks_are_numbered_as_the_results_are(infer, repo_root, tmp_path):
    clip, out = repo_root / "assets/demo.mp4", tmp_path / "out"
    given = [clip, "--classes", "dog", "--out-dir", out, "--short-side", "128", "--score-thr", "0"]
    code, _, _ = infer(*given, "--contrast", "none", "--masks", "--no-video")
    assert code == 0
    pictures = [np.asarray(Image.open(path)) for path in sorted((out / "masks").iterdir())]
    best = json.loads((out / "results.json").read_text())[0]["segmentations"]
    assert sum(segment is not None for segment in best) > len(best) / 2
    for picture, segment in zip(pictures, best, strict=True):
        there = coco_mask.decode(segment) if segment else np.zeros_like(picture)
        assert np.array_equal(picture == 1, there == 1)  # nothing lies over the best track


def test_a_word_for_what_is_not_there(infer, repo_root, tmp_path):
    """No track is drawn, and the table says so; without contrast words the car is a banana. Published scores stay."""
    clip, records = repo_root / "assets/street.mp4", {}
    for contrast in ("auto", "none"):
        out = tmp_path / contrast
        given = ["--classes", "banana", "--out-dir", out, "--contrast", contrast, "--masks", "--no-video"]
        code, stdout, _ = infer(clip, *given)
        assert code == 0
        assert ("no banana was found" in stdout) == (contrast == "auto")
        drawn = max(np.asarray(Image.open(path)).max() for path in (out / "masks").iterdir())
        assert (drawn == 0) == (contrast == "auto")
        records[contrast] = json.loads((out / "results.json").read_text())
    assert [record.pop("calibrated_score") for record in records["auto"]]
    assert records["auto"] == records["none"]


def test_contrast_words_of_ones_own(infer, frames_folder, tmp_path):
    (tmp_path / "words.txt").write_text("wall\nsky\n")
    given = [frames_folder, "--classes", "dog", "--out-dir", tmp_path / "out", *SHORT, "--no-video", "--contrast"]
    code, _, _ = infer(*given, tmp_path / "words.txt")
    assert code == 0
    assert "calibrated_score" in json.loads((tmp_path / "out/results.json").read_text())[0]
    code, _, stderr = infer(*given, tmp_path / "missing.txt")
    assert code == 2
    assert "missing.txt" in stderr


def test_masks_need_results(infer, repo_root, tmp_path):
    clip, out = repo_root / "assets/demo.mp4", tmp_path / "out"
    code, _, stderr = infer(clip, "--classes", "dog", "--out-dir", out, "--masks", "--live-only", *SHORT)
    assert code == 2
    assert "--masks draws what is in results.json, which --live-only does not write" in stderr
    assert not out.exists()


def test_image_gets_a_picture_too(infer, frames_folder, tmp_path):
    out = tmp_path / "out"
    code, _, _ = infer(frames_folder / "0.jpg", "--classes", "dog", "--out-dir", out, "--short-side", "64")
    assert code == 0
    files = ["features.bin", "overlay.png", "report.html", "results.json", "video.json", "vocabulary.json"]
    assert sorted(path.name for path in out.iterdir()) == files
    assert Image.open(out / "overlay.png").size == (64, 40)


def test_benchmark_vocabulary_and_word_file(infer, frames_folder, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("dog, puppy\nperson\n")
    code, _, _ = infer(frames_folder, "--classes-file", words, "--out-dir", tmp_path / "a", *SHORT, "--no-video")
    assert code == 0
    code, _, _ = infer(frames_folder, "--vocabulary", "ovis", "--out-dir", tmp_path / "b", *SHORT, "--no-video")
    assert code == 0
    assert len(json.loads((tmp_path / "b/vocabulary.json").read_text())["categories"]) == 25


def read_lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_only_what_this_run_wrote_is_listed(infer, frames_folder, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "overlay.mp4").write_text("of an earlier run")
    given = [frames_folder, "--classes", "dog", "--out-dir", tmp_path, *SHORT, "--no-video"]
    for options, files in (([], ""), (["--stream"], ", frames.jsonl")):
        code, stdout, _ = infer(*given, *options)
        assert code == 0
        assert (
            stdout.splitlines()[-1]
            == f"wrote features.bin{files}, results.json, video.json, vocabulary.json to {tmp_path}"
        )


def test_stream_of_a_file(infer, frames_folder, tmp_path):
    """The same results as without, and each frame's tracks besides."""
    for name, options in (("plain", []), ("stream", ["--stream"])):
        code, _, _ = infer(
            frames_folder, "--classes", "dog", "--out-dir", tmp_path / name, *SHORT, *options,
            "--score-thr", "0", "--contrast", "none",
        )  # fmt: skip
        assert code == 0
    plain, stream = tmp_path / "plain", tmp_path / "stream"
    assert (stream / "results.json").read_bytes() == (plain / "results.json").read_bytes()
    assert sorted(path.name for path in stream.iterdir()) == [
        "contact_sheet.png",
        "features.bin",
        "frames.jsonl",
        "overlay.mp4",
        "report.html",
        "results.json",
        "video.json",
        "vocabulary.json",
    ]
    assert len(list(open_frames(stream / "overlay.mp4"))) == 3
    lines = read_lines(stream / "frames.jsonl")
    assert [line["frame"] for line in lines] == [0, 1, 2]
    for track in lines[-1]["tracks"]:
        assert set(track) == {"id", "category_id", "label", "score", "segmentation"}
    last = {track["id"] for track in lines[-1]["tracks"]}
    assert last & {track["id"] for track in lines[0]["tracks"]}


def test_standard_input_and_live_tracks(repo_root, tmp_path):
    """A video through a pipe, in a process of its own; nothing is kept, so there are no results."""
    with (repo_root / "assets/demo.mp4").open("rb") as video:
        done = subprocess.run(
            [
                sys.executable, repo_root / "tools/infer.py", "-", "--classes", "dog", *SHORT,
                "--live-start", "0", "--live-patience", "1", "--live-only", "--no-video",
                "--out-dir", tmp_path / "out",
            ],
            stdin=video, capture_output=True, text=True, check=False,
            env={**os.environ, "CLIPVIS_CACHE": str(tmp_path)},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = read_lines(tmp_path / "out/frames.jsonl")
    assert len(lines) == len(list(open_frames(repo_root / "assets/demo.mp4")))
    files = ["frames.jsonl", "video.json", "vocabulary.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files


def test_interrupt_ends_a_stream_with_its_results(repo_root, tmp_path):
    """Ctrl-C while frames still come: what came so far is the video."""
    data = (repo_root / "assets/demo.mp4").read_bytes()
    process = subprocess.Popen(
        [
            sys.executable, repo_root / "tools/infer.py", "-", "--classes", "dog", *SHORT,
            "--no-video", "--out-dir", tmp_path / "out",
        ],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "CLIPVIS_CACHE": str(tmp_path)},
    )  # fmt: skip
    process.stdin.write(data)
    process.stdin.flush()
    lines = tmp_path / "out/frames.jsonl"
    end = time.monotonic() + 120
    while not (lines.exists() and lines.stat().st_size) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    frames = len(read_lines(lines))
    assert frames > 0
    records = json.loads((tmp_path / "out/results.json").read_text())
    assert {len(record["segmentations"]) for record in records} == {frames}


def spoilt_inputs(tmp_path, demo):
    """Bad inputs by name: (path, words of the message)."""
    files = {"zero.mp4": b"", "page.mp4": b"<!DOCTYPE html><html></html>", "noimage.png": b"\x89PNG not really"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    shutil.copy(demo, tmp_path / "cut.mp4")
    with (tmp_path / "cut.mp4").open("r+b") as file:
        file.truncate(demo.stat().st_size // 2)
    for name, size in (("0.png", (20, 10)), ("1.png", (21, 10))):
        (tmp_path / "sizes").mkdir(exist_ok=True)
        Image.new("RGB", size).save(tmp_path / "sizes" / name)
    (tmp_path / "empty").mkdir()
    return {
        "missing": (tmp_path / "none.mp4", "none.mp4"),
        "address": ("https://example.org/clip.mp4", "is an address, not a file"),
        "zero bytes": (tmp_path / "zero.mp4", "zero.mp4"),
        "web page": (tmp_path / "page.mp4", "page.mp4"),
        "no image": (tmp_path / "noimage.png", "noimage.png"),
        "truncated": (tmp_path / "cut.mp4", "cut.mp4"),
        "sizes": (tmp_path / "sizes", "one size"),
        "empty folder": (tmp_path / "empty", "empty"),
    }


def test_a_stream_that_breaks_leaves_no_results(infer, repo_root, tmp_path):
    path, message = spoilt_inputs(tmp_path, repo_root / "assets/demo.mp4")["truncated"]
    code, _, stderr = infer(path, "--classes", "dog", "--out-dir", tmp_path / "out", *SHORT, "--stream")
    assert_refused(code, stderr, message)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frames.jsonl", "video.json"]


@pytest.mark.parametrize(
    "kind", ["missing", "address", "zero bytes", "web page", "no image", "truncated", "sizes", "empty folder"]
)
def test_bad_input(infer, repo_root, tmp_path, kind):
    path, message = spoilt_inputs(tmp_path, repo_root / "assets/demo.mp4")[kind]
    out = tmp_path / "out"
    code, _, stderr = infer(path, "--classes", "dog", "--out-dir", out, *SHORT)
    assert_refused(code, stderr, message)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no categories given"),
        (["--classes", " ; "], "vocabulary is empty"),
        (["--classes", "dog; cat; dog"], "'dog' stands in two categories"),
        (["--classes", "dog; ???"], "has no Latin letter"),
        (["--classes-file", "none.txt"], "none.txt"),
        (["--vocabulary", "nonsense"], "nonsense"),
        (["--classes", "dog", "--config", "none.py"], "none.py"),
        (["--classes", "dog", "--checkpoint", "none.pth"], "none.pth"),
        (["--classes", "dog", "--checkpoint", "."], "is a folder"),
        (["--classes", "dog", "--num-memory", "-1"], "num_memory"),
        (["--classes", "dog", "--window", "0"], "window must be at least 1"),
        (["--classes", "dog", "--score-thr", "30"], "scores go from 0 to 1"),
        (["--classes", "dog", "--score-thr", "nan"], "scores go from 0 to 1"),
        (["--classes", "caf\udce9"], "--classes is not written in UTF-8"),
        (["--classes", "dog", "--live-start", "2"], "start_score must be in [0, 1]"),
    ],
)
def test_bad_options(infer, frames_folder, tmp_path, arguments, message):
    out = tmp_path / "out"
    code, _, stderr = infer(frames_folder, "--out-dir", out, *SHORT, *arguments)
    assert_refused(code, stderr, message)
    assert not out.exists()


def test_a_name_that_is_too_long_for_clip(infer, repo_root, frames_folder, tmp_path):
    weights = repo_root / "weights/clipvis_nano.safetensors"
    out = tmp_path / "out"
    code, _, stderr = infer(frames_folder, "--checkpoint", weights, "--classes", "dog " * 80, "--out-dir", out)
    assert_refused(code, stderr, "CLIP reads 48")
    assert not out.exists()


def test_web_page_as_checkpoint_and_foreign_weights(infer, frames_folder, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"<html>Sign in</html>")
    code, _, stderr = infer(frames_folder, "--classes", "dog", "--checkpoint", path)
    assert_refused(code, stderr, "web page")
    torch.save({"state_dict": {"conv1.weight": torch.ones(1)}}, path)
    code, _, stderr = infer(frames_folder, "--classes", "dog", "--checkpoint", path)
    assert_refused(code, stderr, "not the weights of a CLIP-VIS model")
    other = ("backbone.trunk.weight", "head.query_decoder.layers.0.ffn.weight")
    torch.save({"state_dict": dict.fromkeys(other, torch.ones(1))}, path)
    code, _, stderr = infer(frames_folder, "--classes", "dog", "--checkpoint", path)
    assert_refused(code, stderr, "an encoder other than CLIP with 1 decoder layers: say with --config")


def test_nowhere_to_write(infer, frames_folder, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, stderr = infer(frames_folder, "--classes", "dog", "--out-dir", tmp_path / "file" / "below")
    assert_refused(code, stderr, "is a file")


def assert_refused(code: int, stderr: str, message: str) -> None:
    """Exit code 2 and one line, the last one, that says why."""
    assert code == 2, stderr
    assert "Traceback" not in stderr
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
