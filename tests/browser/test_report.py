"""The page of an answer, opened from disk in a browser."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from moving_answers import WORDS, moving_shapes, write_video
from PIL import Image
from pycocotools import mask as coco_mask

from clipvis_core.exports import Review
from clipvis_core.media import open_frames
from clipvis_core.report import write_report

THRESHOLD = 0.3

#: Alpha of the canvas at the middle of each pixel of the source, row by row.
ALPHAS = """
const [width, height] = arguments, canvas = document.getElementById("masks");
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
const scale = Math.min(canvas.width / width, canvas.height / height);
const left = (canvas.width - width * scale) / 2, top = (canvas.height - height * scale) / 2;
const alphas = [];
for (let y = 0; y < height; y++)
  for (let x = 0; x < width; x++)
  {
    const row = Math.floor(top + (y + .5) * scale), column = Math.floor(left + (x + .5) * scale);
    alphas.push(data[4 * (row * canvas.width + column) + 3]);
  }
return alphas;
"""

#: The number that the video's frame tells by its bars.
PICTURE_NUMBER = """
const video = document.querySelector("#stage > video"), canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
const context = canvas.getContext("2d");
context.drawImage(video, 0, 0);
let number = 0;
for (let bit = 0; bit < 8; bit++)
  if (context.getImageData(4, (bit + .5) * canvas.height / 8, 1, 1).data[0] > 128) number += 1 << bit;
return number;
"""


@pytest.fixture(scope="module")
def answer():
    return moving_shapes(num_tracks=8, num_frames=24)


@pytest.fixture(scope="module")
def report(answer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    source = open_frames(write_video(folder / "clip.mp4", answer))
    write_report(answer, source, path, score_thr=THRESHOLD, progress=False)
    return path


@pytest.fixture
def opened(page, report):
    """The page as a viewer finds it the first time."""
    page.open(report.as_uri())
    page.run("localStorage.clear()")
    page.open(report.as_uri())
    return page


def frame_of(page) -> int:
    return int(page.one("html").get_attribute("data-frame"))


def rows(page) -> list[int]:
    """Numbers of the tracks in the table, from top to bottom."""
    script = "return [...document.querySelectorAll('#tracks tbody tr:not([hidden])')].map(row => +row.dataset.track)"
    return page.run(script)


def selected(page) -> list[int]:
    script = "return [...document.querySelectorAll('#tracks [aria-selected=true]')].map(row => +row.dataset.track)"
    return page.run(script)


def drawn_alphas(page, answer) -> np.ndarray:
    return np.array(page.run(ALPHAS, answer.width, answer.height)).reshape(answer.height, answer.width)


def show_only(page, number: int, *, plain: bool = True) -> None:
    """Leaves one track on the stage, as its fill alone."""
    for other in rows(page):
        eye = page.one(f"[data-track='{other}'] .eye")
        if (eye.get_attribute("aria-pressed") == "true") != (other == number):
            eye.click()
    for name in ("outlines", "labels") if plain else ():
        if page.one(f"#{name}").is_selected():
            page.click(f"#{name}")
    page.point("#name")  # a row under the pointer would be outlined on the stage


def test_drawn_masks_are_the_run_lengths(opened, answer):
    """Pixel by pixel, in several frames, at two sizes of the stage; nothing is drawn of a track that is away."""
    for width, height in ((1400, 900), (823, 777)):
        opened.resize(width, height)
        for number, frame in ((1, 0), (3, 5), (2, 23), (5, 11)):
            opened.slide("#seek", frame)
            opened.wait(lambda frame=frame: frame_of(opened) == frame, f"frame {frame}")
            show_only(opened, number)
            truth = answer.masks(frame, [number - 1])[0]
            drawn = drawn_alphas(opened, answer)
            assert np.array_equal(drawn > 60, truth), (number, frame, int((drawn > 60).sum()), int(truth.sum()))


def test_picture_and_masks_are_of_one_frame(opened):
    """After each step, jump and pause the video shows the frame that the masks are of."""
    for action in (
        lambda: opened.click("#on"),
        lambda: opened.slide("#seek", 17),
        lambda: opened.click("#back"),
        lambda: opened.keys("\ue010"),  # End
        lambda: opened.keys("\ue011"),  # Home
    ):
        before = frame_of(opened)
        action()
        frame = opened.wait(
            lambda before=before: frame_of(opened) not in (before,) and (frame_of(opened) + 1), "a step"
        )
        assert opened.run(PICTURE_NUMBER) == frame - 1
    opened.keys(" ")
    opened.wait(lambda: frame_of(opened) > 3, "playing")
    opened.keys(" ")
    opened.wait(lambda: opened.run("return document.querySelector('video').paused"), "a pause")
    assert abs(opened.run(PICTURE_NUMBER) - frame_of(opened)) <= 1
    opened.wait(lambda: opened.run(PICTURE_NUMBER) == frame_of(opened), "the last frame that was played")


def test_threshold_and_hiding(opened, answer):
    assert rows(opened) == [1, 2, 3, 4, 5, 6]
    opened.slide("#threshold", 0.75)
    assert rows(opened) == [1, 2]
    opened.slide("#threshold", 0)
    assert rows(opened) == list(range(1, 9))
    assert opened.one("#count").text == "8 of 8 tracks"
    opened.slide("#threshold", 0.9)
    assert drawn_alphas(opened, answer).any()
    opened.click("[data-track='1'] .eye")
    assert not drawn_alphas(opened, answer).any()
    opened.click("[data-track='1'] .eye")
    opened.click(".word[data-word='0']")
    assert not drawn_alphas(opened, answer).any()
    opened.click("#all-words")
    assert drawn_alphas(opened, answer).any()
    opened.click("#reset-threshold")
    assert len(rows(opened)) == 6
    opened.click("thead [data-key=label]")
    labels = [WORDS[(number - 1) % 4][0] for number in rows(opened)]
    assert labels == sorted(labels, key=str.casefold) or len(set(labels)) == 4
    opened.click("thead [data-key=score]")
    assert rows(opened) == [1, 2, 3, 4, 5, 6]


def test_pointing_and_clicking(opened, answer):
    """The pointer names the track under it, a click selects it, and a click beside it nothing."""
    show_only(opened, 1)
    ring = np.argwhere(answer.masks(0, [0])[0])
    y, x = ring[len(ring) // 3]
    stage = opened.one("#stage")
    width, height = stage.size["width"], stage.size["height"]
    scale = min(width / answer.width, height / answer.height)
    to = (round((x + 0.5 - answer.width / 2) * scale), round((y + 0.5 - answer.height / 2) * scale))
    opened.point("#stage", *to)
    assert opened.one("#tip").text == "#1 red disc · 0.95"
    assert opened.one("tr.hovered").get_attribute("data-track") == "1"
    opened.point("#stage", *to, click=True)
    assert selected(opened) == [1]
    opened.point("#stage", 3 - width // 2, 3 - height // 2, click=True)
    assert selected(opened) == []
    opened.click("[data-track='2'] .label")
    assert selected(opened) == [2]


def test_the_time_line_tells_and_seeks(opened, answer):
    """Its coloured pixels are the frames with a mask; a click on it goes there."""
    script = """
    const canvas = document.querySelector(`[data-track="${arguments[0]}"] canvas`), found = [];
    const row = canvas.getContext("2d").getImageData(0, 5, canvas.width, 1).data, unit = canvas.width / arguments[1];
    for (let t = 0; t < arguments[1]; t++) found.push(row[4 * Math.floor((t + .5) * unit) + 3] > 0);
    return found;
    """
    for number in (1, 2, 4):
        masks = answer.tracks.segmentations[number - 1]
        assert opened.run(script, number, answer.num_frames) == [mask is not None for mask in masks]
    line = "[data-track='2'] .presence"
    opened.point(line, round(opened.one(line).size["width"] * (18.5 / 24 - 0.5)), 0, click=True)
    opened.wait(lambda: frame_of(opened) == 18, "frame 18")


def test_keyboard_alone(opened):
    """Every action has a key, and Tab reaches the controls."""
    keys = opened.keys
    down, up, right, escape, shift, tab = "\ue015", "\ue013", "\ue014", "\ue00c", "\ue008", "\ue004"
    keys(right)
    opened.wait(lambda: frame_of(opened) == 1, "a step")
    keys(right, held=shift)
    opened.wait(lambda: frame_of(opened) == 11, "ten steps")
    keys(down, down)
    assert selected(opened) == [2]
    keys(up, "a")
    assert selected(opened) == [1]
    keys(down, "r", down, "a", "u")
    decisions = [opened.one(f"[data-track='{number}']").get_attribute("data-decision") for number in (1, 2, 3)]
    assert decisions == ["accepted", "rejected", ""]
    keys("v")
    assert opened.one("[data-track='3'] .eye").get_attribute("aria-pressed") == "false"
    keys(escape)
    assert selected(opened) == []
    keys("]", "]")
    assert opened.one("#threshold-value").text == "0.4"
    keys("o", "l")
    assert not opened.one("#outlines").is_selected()
    keys("+")
    assert opened.one("#zoom").text == "150 %"
    keys("0", "?")
    assert opened.one("#help").is_displayed()
    listed = {element.text for element in opened.all("#keys kbd")}
    assert {"Space", "←", "→", "↑", "↓", "A", "R", "V", "[", "]", "?", "Esc"} <= listed
    keys(escape)
    reached = set()
    for _ in range(40):
        keys(tab)
        reached.add(opened.run("return document.activeElement.id || document.activeElement.className"))
    assert {"play", "seek", "threshold", "opacity", "outlines", "theme", "word"} <= reached


def test_exports(opened, answer, report):
    opened.click("[data-track='2'] .label")
    opened.slide("#seek", 4)
    opened.wait(lambda: frame_of(opened) == 4, "frame 4")
    for kind in ("json", "csv", "png"):
        opened.click(f"[data-export={kind}]")
    (record,) = json.loads(opened.saved("*-tracks.json").read_text())
    whole = answer.records()[1]
    assert record["segmentations"] == whole["segmentations"]
    assert (record["score"], record["category_id"], record["track"]) == (whole["score"], whole["category_id"], 2)
    assert record["label"] == WORDS[1][0]
    lines = list(csv.DictReader(opened.saved("*-tracks.csv").open(newline="")))
    there = [t for t, mask in enumerate(whole["segmentations"]) if mask]
    assert [int(line["frame"]) for line in lines] == there
    for line in lines:
        mask = whole["segmentations"][int(line["frame"])]
        assert [float(line[key]) for key in ("x", "y", "width", "height")] == coco_mask.toBbox(mask).tolist()
        assert int(line["area"]) == coco_mask.area(mask)
    picture = np.asarray(Image.open(opened.saved("*-frame-00004.png")).convert("RGB")).astype(int)
    assert picture.shape == (answer.height, answer.width, 3)
    mask = answer.masks(4, [1])[0] & (np.arange(answer.width) > answer.width // 4 + 2)
    beside = ~answer.masks(4, [1])[0] & (np.arange(answer.width) > answer.width // 4 + 2)
    assert abs(picture[mask] - (60, 110, 160)).mean() > 20
    assert np.median(abs(picture[beside] - (60, 110, 160))) < 8


def test_the_review_is_saved_and_kept(opened, report):
    """Decisions are in the CSV, harmless for table programs, and still there when the page is opened again."""
    opened.click("[data-track='1'] .accept")
    opened.click("[data-track='3'] .reject")
    opened.open(report.as_uri())
    assert opened.one("#review").text == "1 accepted, 1 rejected"
    opened.click("[data-export=review]")
    path = opened.saved("*-review.csv")
    judged = Review.read(path).rows['clip "1" <b>&amp;']
    assert [(judged[number].label, judged[number].accepted) for number in (1, 2, 3)] == [
        (WORDS[0][0], True),
        (WORDS[1][0], None),
        (WORDS[2][0], False),
    ]
    lines = list(csv.reader(path.open(newline="")))
    assert lines[0] == ["video", "track", "label", "decision"]
    assert [line[3] for line in lines[1:]] == ["accepted", "", "rejected", "", "", ""]
    assert lines[1][0] == 'clip "1" <b>&amp;'
    assert lines[3][2] == "'" + WORDS[2][0]


def test_names_are_only_text(opened):
    """Names with markup change nothing, and nothing is loaded from anywhere."""
    assert opened.driver.title == 'clip "1" <b>&amp;'
    assert opened.one("#name").text == 'clip "1" <b>&amp;'
    assert [label.text for label in opened.all("tbody .label") if label.text][1] == WORDS[1][0]
    assert opened.one("#missing summary").text == "Not found: 1 of 5 words"
    resources = opened.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(name.startswith("blob:") for name in resources), resources


def test_light_and_dark(opened):
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = opened.run(ground)
    opened.click("#theme")
    assert opened.run(ground) != before
    opened.click("#theme")
    assert opened.run(ground) == before


def test_zoom_is_crisp(opened, answer):
    """Zoomed in, an edge between two pixels of the source is still one of the screen."""
    show_only(opened, 1)
    for _ in range(3):
        opened.click("#zoom-in")
    script = """
    const canvas = document.getElementById("masks");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let inside = 0, between = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 110) inside++; else if (data[i] > 5) between++;
    return [inside, between];
    """
    inside, between = opened.run(script)
    assert inside > 20 * between


def test_an_image(page, tmp_path):
    answer = moving_shapes(num_tracks=3, num_frames=1)
    source = open_frames(np.full((answer.height, answer.width, 3), (60, 110, 160), np.uint8))
    write_report(answer, source, tmp_path / "report.html", score_thr=0.0, progress=False)
    page.open((tmp_path / "report.html").as_uri())
    assert page.run("return document.querySelector('#stage > img').naturalWidth") == answer.width
    assert not page.one("#transport").is_displayed()
    show_only(page, 1)
    assert np.array_equal(drawn_alphas(page, answer) > 60, answer.masks(0, [0])[0])
