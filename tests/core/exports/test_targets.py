"""What is there stays, and nothing is there in part; bad input is one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from answered_clips import answered, moving_masks

from clipvis_core import InputError
from clipvis_core.command_line.clipvis import main
from clipvis_core.command_line.export import parse_args, planned_exports
from clipvis_core.exports import KINDS, Options, Review, export, select

PIXELS = ("rgba", "rgba-mov", "rgba-webm", "crops", "gif", "frames")


def contents(place: Path) -> dict[Path, bytes]:
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(place): path.read_bytes() for path in files}


def one_line(error: pytest.ExceptionInfo, tmp_path) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert len(message.replace(str(tmp_path), "")) < 300
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_replaced_by_the_next_of_its_kind(tmp_path, kind):
    answer = answered(tmp_path)
    first = export(answer, kind)
    before = contents(first)
    assert export(answer, kind) == first
    after = contents(first)
    assert before.keys() == after.keys()
    assert before == after
    assert not list(first.parent.glob(".*"))


@pytest.mark.parametrize("kind", KINDS)
def test_something_else_in_its_place_stays(tmp_path, kind):
    answer = answered(tmp_path)
    target = tmp_path / "thing"
    if KINDS[kind].file:
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="thing is there") as error:
        export(answer, kind, target)
    one_line(error, tmp_path)
    assert (target if target.is_file() else target / "mine.txt").read_text() == "mine"


def test_a_file_of_mine_in_an_export_stays(tmp_path):
    answer = answered(tmp_path)
    path = export(answer, "yolo")
    (path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes\.txt"):
        export(answer, "yolo")
    assert (path / "notes.txt").exists()
    with pytest.raises(InputError, match="was not written by an export of this kind"):
        export(answer, "coco", path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_that_is_gone_leaves_nothing(tmp_path, kind):
    answer = answered(tmp_path)
    shutil.rmtree(tmp_path / "videos")
    needs_pixels = kind in PIXELS or kind in ("coco", "ytvis", "yolo", "cvat", "labelstudio")
    if needs_pixels:
        with pytest.raises(InputError, match="is gone") as error:
            export(answer, kind)
        one_line(error, tmp_path)
        assert not list((answer.folder / "exports").iterdir())
    if kind not in PIXELS:
        assert export(answer, kind, options=Options(frames=False)).exists()


def test_another_video_in_its_place(tmp_path):
    answer = answered(tmp_path)
    shutil.rmtree(tmp_path / "videos")
    answered(tmp_path / "b", masks=moving_masks()[:, :3])
    shutil.move(tmp_path / "b/videos", tmp_path / "videos")
    with pytest.raises(InputError, match="is not the video that"):
        export(answer, "frames")


def test_a_broken_export_is_cleared_by_the_next(tmp_path):
    answer = answered(tmp_path)
    left = answer.folder / "exports/.coco.parts/new"
    left.mkdir(parents=True)
    (left / "half.jpg").write_text("")
    path = export(answer, "coco")
    assert not left.exists()
    assert not list(path.rglob("half.jpg"))


def test_no_track(tmp_path):
    answer = answered(tmp_path)
    with pytest.raises(InputError, match="there is no such track; lower --score-thr") as error:
        export(answer, "coco", score_thr=0.95)
    one_line(error, tmp_path)
    assert not (answer.folder / "exports").exists()


def test_unknown_kinds_and_several_videos(tmp_path):
    answers = [answered(tmp_path), answered(tmp_path, "beach")]
    with pytest.raises(InputError, match="there is no export 'doc'; there are coco, ytvis"):
        export(answers[0], "doc")
    with pytest.raises(InputError, match="supervision is for Python"):
        export(answers[0], "supervision")
    with pytest.raises(InputError, match="cvat: 2 videos"):
        export(answers, "cvat", tmp_path / "x")
    with pytest.raises(InputError, match=r"coco: 2 videos .* name where"):
        export(answers, "coco")


def test_drawn_tracks_by_default(tmp_path):
    masks = moving_masks()
    masks[1] = masks[0]  # a duplicate of the best one
    answer = answered(tmp_path, masks=masks)
    numbers = lambda **choice: [track.number for track in select([answer], **choice).clips[0].tracks]  # noqa: E731
    assert numbers() == [1, 3]
    assert numbers(all_tracks=True) == [1, 2, 3]
    assert numbers(min_score=0.5) == [1]
    assert numbers(score_thr=0.5, all_tracks=True) == [1, 2]


def test_a_review_takes_tracks_out_and_in(tmp_path):
    answer = answered(tmp_path)
    review = tmp_path / "review.csv"
    review.write_text(
        "video,track,label,decision,note\npark,1,dog,rejected,\npark,2,car,,\n"
        'park,3,"lamp, tall/thin",Accepted,x\nelse,9,cat,rejected,\n'
    )
    chosen = select([answer], min_score=0.5, review=Review.read(review))
    assert [track.number for track in chosen.clips[0].tracks] == [2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,track,label\n", "has no column 'decision'"),
        ("video,track,label,decision\npark,1,dog,maybe\n", "line 2: decision is 'maybe'"),
        ("video,track,label,decision\npark,x,dog,accepted\n", "line 2: track is 'x'"),
        ("video,track,label,decision\npark,4,dog,accepted\n", "track 4 of .* is not there"),
        ("video,track,label,decision\npark,1,car,accepted\n", "is 'dog', not 'car'"),
        ("video,track,label,decision\nbeach,1,dog,accepted\n", "has no row of park"),
        ("video,track,label,decision\npark,1,dog,accepted\npark,1,dog,rejected\n", "decided otherwise"),
        ("video,track,label,decision\npark,1\n", "is 'dog', not ''"),
    ],
)
def test_bad_reviews(tmp_path, text, message):
    path = tmp_path / "review.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        select([answered(tmp_path)], review=Review.read(path))
    one_line(error, tmp_path)


def test_names_that_are_no_file_names(tmp_path):
    words = (("a/b",), ("../up",), ("x, y; z",))
    answer = answered(tmp_path, words=words)
    path = export(answer, "rgba")
    assert sorted(folder.name for folder in path.glob("0*")) == ["001-a_b", "002-up", "003-x_y_z"]
    export(answer, "crops"), export(answer, "cvat"), export(answer, "labelstudio")


def test_huge_pictures_without_pixels(tmp_path):
    masks = np.zeros((1, 1, 1000, 3000), dtype=bool)
    masks[0, 0, 990:, 2990:] = True
    path = export(answered(tmp_path, masks=masks, scores=(0.9,)), "yolo", options=Options(frames=False))
    assert (path / "labels/train/park_00000.txt").read_text().startswith("0 0.996667 0.99 0.996667 1 1 1 1 0.99")


def test_the_command(tmp_path, capsys):
    answered(tmp_path), answered(tmp_path, "beach")
    folders = [str(tmp_path / "out" / name) for name in ("park", "beach")]
    assert main(["export", folders[0], "csv,gif"]) == 0
    assert main(["export", *folders, "ytvis", "--to", str(tmp_path / "mine")]) == 0
    assert main(["export", *folders, "gif", "--to", str(tmp_path / "gifs")]) == 0
    assert main(["export", *folders, "crops,csv", "--to", str(tmp_path / "both")]) == 0
    capsys.readouterr()
    for name in ("out/park/exports/tracks.csv", "out/park/exports/overlay.gif", "mine/train.json", "gifs/beach.gif",
                 "both/crops/park/index.csv", "both/tracks.csv"):  # fmt: skip
        assert (tmp_path / name).is_file(), name
    with pytest.raises(InputError, match="--min-score 2"):
        main(["export", folders[0], "csv", "--min-score", "2"])
    with pytest.raises(InputError, match="is no output folder of clipvis"):
        main(["export", str(tmp_path), "csv"])


def test_an_export_that_cannot_be_is_told_before_the_run(tmp_path):
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/tracks.csv").write_text("mine")
    for kinds, choices, message in (
        ("coco,doc", {}, "no export 'doc'"),
        ("coco,csv", {}, "was not written by an export"),
        ("gif", {"live": True}, "comes once"),
        ("coco", {"kept": False}, "--live-only"),
    ):
        with pytest.raises(InputError, match=message):
            planned_exports(kinds, tmp_path, **{"kept": True, "live": False} | choices)
    assert planned_exports("coco, gif,coco", tmp_path, kept=True, live=False) == [KINDS["coco"], KINDS["gif"]]
    assert planned_exports(None, tmp_path, kept=False, live=True) == []


def test_the_help_names_all_kinds(capsys):
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert all(kind in text for kind in KINDS)
