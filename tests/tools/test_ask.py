"""`clipvis ask` as a user calls it: after a run, with other words, with good and bad folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from clipvis_core import InputError, Vocabulary
from clipvis_core.command_line.clipvis import main
from clipvis_core.command_line.table import print_moments
from clipvis_core.inference import Answer
from clipvis_core.inference.finding import Moment
from clipvis_core.media import open_frames

WORDS = "dog, puppy; sky"


@pytest.fixture(scope="module")
def frames_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    rng = np.random.default_rng(0)
    for index in range(3):
        picture = np.kron(rng.integers(0, 255, (5, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{index}.jpg")
    return folder


@pytest.fixture(scope="module")
def answered(frames_folder, tmp_path_factory):
    """What a run leaves with the default options."""
    out = tmp_path_factory.mktemp("outputs") / "clip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPVIS_CACHE", str(tmp_path_factory.mktemp("cache")))
        run = [frames_folder, "--classes", "grass", "--out-dir", out, "--short-side", "64", "--topk", "9"]
        assert main(list(map(str, run))) == 0
    return out


@pytest.fixture
def out(answered, tmp_path, monkeypatch):
    """A copy of its own."""
    monkeypatch.setenv("CLIPVIS_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(answered, tmp_path / "out")


def ask(*arguments: object) -> int:
    return main(["ask", *map(str, arguments)])


def test_an_answer_like_that_of_a_run(out, frames_folder, tmp_path, capsys):
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert ask(out, "--classes", WORDS, "--score-thr", "0.01") == 0
    printed = capsys.readouterr().out
    files = "contact_sheet.png, overlay.mp4, report.html, results.json, video.json, vocabulary.json"
    assert printed.splitlines()[-1] == f"wrote {files} to {out / 'asked'}"
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    run = [frames_folder, "--classes", WORDS, "--out-dir", tmp_path / "run", "--short-side", "64", "--topk", "9"]
    assert main([*map(str, run), "--score-thr", "0.01"]) == 0
    asked, expected = Answer.read(out / "asked"), Answer.read(tmp_path / "run")
    assert asked.complete
    assert (asked.score_thr, asked.video) == (0.01, expected.video)
    assert asked.result.times == pytest.approx(expected.result.times)
    found, wanted = (
        {(record["query"], record["category_id"]): record for record in answer.result.records()}
        for answer in (asked, expected)
    )
    assert found.keys() == wanted.keys()
    for pair, record in wanted.items():
        assert found[pair]["segmentations"] == record["segmentations"]
        assert found[pair]["score"] == pytest.approx(record["score"], abs=1e-3)
        assert found[pair]["calibrated_score"] == pytest.approx(record["calibrated_score"], abs=1e-3)
    assert len(list(open_frames(out / "asked/overlay.mp4"))) == 3


def test_an_image(frames_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPVIS_CACHE", str(tmp_path / "cache"))
    short = ["--short-side", "64", "--score-thr", "0"]
    for name, words in (("first", "grass"), ("second", WORDS)):
        assert (
            main([*map(str, [frames_folder / "0.jpg", "--classes", words, "--out-dir", tmp_path / name, *short])]) == 0
        )
    assert ask(tmp_path / "first", "--classes", WORDS, "--score-thr", "0") == 0
    asked, expected = Answer.read(tmp_path / "first/asked"), Answer.read(tmp_path / "second")
    assert len(asked.result.records()) == len(expected.result.records()) > 0
    assert asked.result.tracks.scores.tolist() == pytest.approx(expected.result.tracks.scores.tolist(), abs=1e-3)
    assert (tmp_path / "first/asked/overlay.png").exists()


def test_the_next_answer_replaces_the_one_before(out, tmp_path):
    assert ask(out, "--classes", WORDS) == 0
    assert ask(out, "--classes", "cat", "--no-video") == 0
    assert Answer.read(out / "asked").result.vocabulary.names == ("cat",)
    assert ask(out, "--classes", "kite", "--out-dir", tmp_path / "kites", "--all-tracks") == 0
    assert Answer.read(out / "asked").result.vocabulary.names == ("cat",)
    assert Answer.read(tmp_path / "kites").result.vocabulary.names == ("kite",)


@pytest.mark.parametrize("place", ["", "elsewhere/.."])
def test_the_first_answer_is_never_replaced(out, place):
    with pytest.raises(InputError, match="choose another --out-dir"):
        ask(out, "--classes", WORDS, "--out-dir", out / place)


def test_the_network_is_not_imported_before_a_word_has_to_be_encoded():
    """Its libraries take longer to import than an answer takes."""
    code = (
        "import sys; from clipvis_core.command_line import asking; from clipvis_core.inference import Asker\n"
        "print({'mmdet', 'timm', 'open_clip', 'clipvis_core.models'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_moments_of_several_folders(out, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")  # no line is broken
    other = shutil.copytree(out, tmp_path / "other")
    assert ask(out, other, tmp_path, "--find", "red car; sky", "--top", "3", "--contrast", "none") == 0
    printed = capsys.readouterr()
    assert "seconds" in printed.out
    assert printed.out.count("\n") == 7
    assert f"warning: {tmp_path} has no features.bin" in printed.err
    assert ask(out, "--find", "red car", "--score-thr", "1") == 0
    assert capsys.readouterr().out == 'nothing looks like "red car"\n'


@pytest.mark.parametrize("is_drawn", [False, True])
def test_moments_that_are_no_answer_are_said_to_be_none(capsys, is_drawn):
    moments = [("park", Moment(1.5, 45, 0.0, 2.0, 3, "red car", 0.02, is_drawn=False))]
    moments.append(("street", replace(moments[0][1], is_drawn=is_drawn)))
    print_moments(moments, "red car", Vocabulary.from_text("red car, auto"))
    printed = capsys.readouterr().out
    assert printed.count("red car, auto") == 2
    assert ("may not be there" in printed) != is_drawn


def test_the_video_may_be_gone(out, frames_folder, tmp_path, capsys):
    record = json.loads((out / "video.json").read_text())
    for video in ("/nowhere/clip.mp4", tmp_path / "small.png"):
        Image.new("RGB", (9, 9)).save(tmp_path / "small.png")
        (out / "video.json").write_text(json.dumps({**record, "input": str(video)}))
        assert ask(out, "--classes", WORDS) == 0
        assert "no overlay is drawn" in capsys.readouterr().err
        assert not (out / "asked/overlay.mp4").exists()


def test_a_folder_half_deleted(out, capsys):
    for path in out.iterdir():
        if path.name != "features.bin":
            path.unlink()
    assert ask(out, "--classes", WORDS) == 0
    assert Answer.read(out / "asked").complete is False


def test_a_run_that_was_killed(out, capsys):
    whole = (out / "features.bin").read_bytes()
    (out / "features.bin").unlink()
    (out / ".features.bin.abcd.part").write_bytes(whole[:-200])  # without the end, and a piece of the third frame
    assert ask(out, "--classes", WORDS, "--no-video") == 0
    assert "break off: asked are its first 2 frames" in capsys.readouterr().err
    assert Answer.read(out / "asked").result.num_frames == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", "狗; 猫"], "write it in English"),
        (["--classes", "; ;"], "vocabulary is empty"),
        ([], "no categories given"),
        (["--classes", "dog", "--topk", "0"], "--topk must be at least 1"),
        (["--classes", "dog", "--score-thr", "2"], "scores go from 0 to 1"),
        (["--find", "dog", "--top", "0"], "--top must be at least 1"),
        (["elsewhere", "--classes", "dog"], "several folders are for --find"),
        (["--classes", "dog", "--checkpoint", "gone.safetensors"], "cannot read the checkpoint"),
    ],
)
def test_mistakes_leave_what_was_there(out, options, message):
    assert ask(out, "--classes", "cat", "--no-video") == 0
    before = (out / "asked/video.json").read_bytes()
    shutil.rmtree(os.environ["CLIPVIS_CACHE"])
    with pytest.raises(InputError, match=message) as error:
        ask(out, *options)
    assert "\n" not in str(error.value)
    assert (out / "asked/video.json").read_bytes() == before


def test_damaged_features(out):
    path = out / "features.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"features\.bin is damaged"):
        ask(out, "--classes", "dog")
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match="is no file of features"):
        ask(out, "--find", "dog")
    assert not (out / "asked").exists()


@pytest.mark.parametrize("options", [["--keep-features", "never"], ["--live-only", "--live-start", "0"]])
def test_nothing_is_kept_where_nobody_asks(out, frames_folder, options):
    """And features of an earlier run, which would not fit the new results, go."""
    run = [frames_folder, "--classes", "grass", "--out-dir", out, "--short-side", "64", "--no-video", *options]
    assert main(list(map(str, run))) == 0
    assert not (out / "features.bin").exists()


def test_a_full_disk_costs_the_features_only(out, frames_folder, monkeypatch, capsys):
    from clipvis_core.tracking import feature_file

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_file, "write_block", full)
    run = [frames_folder, "--classes", "grass", "--out-dir", out, "--short-side", "64", "--no-video", "--stream"]
    assert main(list(map(str, run))) == 0
    printed = capsys.readouterr()
    assert "warning: no features were kept to ask for other words: No space left on device" in printed.err
    assert "features.bin" not in printed.out
    assert not list(out.glob("*features.bin*"))
    assert Answer.read(out).complete


def test_what_a_kill_leaves(frames_folder, tmp_path):
    """A run that is killed in the middle can be asked for the frames before."""
    code = (
        "import os, sys\n"
        "from clipvis_core.command_line.clipvis import main\n"
        "from clipvis_core.tracking.feature_file import FeatureWriter\n"
        "FeatureWriter.finish = lambda self, times: os._exit(9)\n"
        "main(sys.argv[1:])\n"
    )
    environment = {**os.environ, "CLIPVIS_CACHE": str(tmp_path / "cache")}
    run = [frames_folder, "--classes", "grass", "--out-dir", tmp_path / "out", "--short-side", "64", "--no-video"]
    done = subprocess.run([sys.executable, "-c", code, *run], env=environment, capture_output=True, check=False)
    assert done.returncode == 9, done.stderr
    assert ask(tmp_path / "out", "--classes", WORDS, "--no-video") == 0
    assert Answer.read(tmp_path / "out/asked").result.num_frames == 3
