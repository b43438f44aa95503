"""The studio in a browser: from an upload to a download, with everything that can go wrong on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="needs gradio: pip install 'clipvis-core[studio]'")
pytestmark = pytest.mark.slow

READY = "#run"
CODE = "from clipvis_core.command_line.clipvis import console; console()"


class Studio:
    """A running studio.

    Attributes:
        address: Where it listens.
        root: Its output folder.
    """

    def __init__(self, process: subprocess.Popen, address: str, root: Path) -> None:
        self.process = process
        self.address = address
        self.root = root


@pytest.fixture(scope="module")
def studio(repo_root, tmp_path_factory):
    root = tmp_path_factory.mktemp("answers")
    log = (root.parent / f"{root.name}.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "studio", "--port", "0", "--out-dir", root],
        stdout=subprocess.PIPE, stderr=log, text=True, cwd=root,
        env={**os.environ, "CLIPVIS_CACHE": str(root.parent / "cache")},
    )  # fmt: skip
    line = process.stdout.readline()
    found = re.match(r"studio: (http://127\.0\.0\.1:\d+/)", line)
    assert found, (root.parent / f"{root.name}.log").read_text()
    yield Studio(process, found[1], root)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)


@pytest.fixture
def board(page, studio):
    page.resize(1400, 1000)
    page.open(studio.address, READY)
    return page


def upload(page, *paths) -> None:
    page.one("#files input[type=file]").send_keys("\n".join(map(str, paths)))
    page.wait(lambda: paths[-1].name.rsplit(".", 1)[0] in page.one("#files").text, "the upload")


def write(page, field: str, text: str) -> None:
    box = page.one(f"#{field} textarea, #{field} input")
    box.clear()
    box.send_keys(text)


def status(page) -> str:
    return page.one("#status textarea").get_attribute("value")


def wait_for(page, text: str, seconds: float = 120) -> None:
    page.wait(lambda: text in status(page) or "error" in status(page), text, seconds)
    assert text in status(page)


def answer_words(page) -> list[str]:
    """The words that the page of the answer shows."""
    frame = page.wait(lambda: page.all("#answer iframe"), "the page of the answer")[0]
    page.driver.switch_to.frame(frame)
    try:
        page.wait(lambda: page.all("html[data-ready]"), "the page to be ready")
        switches = [element.text.split("\n")[0] for element in page.all(".word")]
        missing = page.run("return document.querySelector('#missing p').textContent").split(", ")
        return [*switches, *filter(None, missing)]
    finally:
        page.driver.switch_to.default_content()


def test_from_upload_to_download(board, studio, repo_root, tmp_path):
    """A run with pictures on the way, other words without a run, an export; earlier answers open again."""
    clip = tmp_path / "park.mp4"
    shutil.copy(repo_root / "assets/street.mp4", clip)
    upload(board, clip)
    write(board, "words", "person; car, auto")
    board.click("#run")
    wait_for(board, "frame")
    board.wait(lambda: board.all("#picture img"), "a picture of the run")
    wait_for(board, "done")
    assert {word.split(" ")[0] for word in answer_words(board)} == {"car", "person"}
    folder = studio.root / "park"
    record = json.loads((folder / "video.json").read_text())
    assert (record["complete"], record["num_frames"]) == (True, 20)
    assert {"overlay.mp4", "report.html", "features.bin"} <= {path.name for path in folder.iterdir()}
    write(board, "other", "vehicle; lamp")
    board.click("#ask")
    wait_for(board, "answered for: vehicle; lamp")
    assert {word.split(" ")[0] for word in answer_words(board)} == {"vehicle", "lamp"}
    board.click("#export")
    wait_for(board, "wrote coco")
    links = [link.get_attribute("href") for link in board.all("#links a")]
    (results,) = [link for link in links if link.endswith("results.json")]
    assert json.loads(urllib.request.urlopen(results).read())
    (export,) = [link for link in links if "exports/coco" in link]
    assert urllib.request.urlopen(export).read()[:2] in (b"PK", b'{"')
    if wanted := os.environ.get("CLIPVIS_PICTURES"):
        import io

        from PIL import Image

        board.run("scrollTo(0, 0)")
        picture = Image.open(io.BytesIO(board.driver.get_screenshot_as_png())).convert("RGB")
        picture.thumbnail((1280, 4000))
        picture.save(Path(wanted) / "studio.jpg", quality=80)
    board.open(studio.address, READY)
    board.one("#answers input").click()
    options = board.wait(lambda: board.all("#answers [role=option], ul[role=listbox] li"), "the list of answers")
    assert {"park", "park/asked"} <= {option.text.strip("✓ \n") for option in options}


def test_cancel_keeps_the_frames_so_far(board, studio, repo_root, tmp_path):
    clip = tmp_path / "long.mp4"
    shutil.copy(repo_root / "assets/street.mp4", clip)
    upload(board, clip)
    write(board, "words", "car")
    board.click("#run")
    wait_for(board, "frame")
    board.click("#cancel")
    wait_for(board, "stopped: this is the answer of the frames so far")
    record = json.loads((studio.root / "long/video.json").read_text())
    assert record["complete"] is False
    assert 0 < record["num_frames"] < 20


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (b"no video at all" * 99, "dog", "cannot be read as a video"),
        (None, "", "the vocabulary is empty"),
        (None, "dog; dog", "stands in two categories"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(board, studio, repo_root, tmp_path, content, words, message):
    clip = tmp_path / "broken.mp4"
    clip.write_bytes((repo_root / "assets/demo.mp4").read_bytes() if content is None else content)
    upload(board, clip)
    if words:
        write(board, "words", words)
    board.click("#run")
    wait_for(board, message)
    assert "\n" not in status(board)
    assert not list(studio.root.glob("broken*"))


def test_two_tabs_wait_for_each_other(board, studio, repo_root, tmp_path):
    """The second runs after the first, and each shows its own answer."""
    tabs = [board.driver.current_window_handle]
    board.driver.switch_to.new_window("tab")
    tabs.append(board.driver.current_window_handle)
    try:
        for name, tab in zip(("one", "two"), tabs, strict=True):
            clip = tmp_path / f"{name}.mp4"
            shutil.copy(repo_root / "assets/street.mp4", clip)
            board.driver.switch_to.window(tab)
            board.open(studio.address, READY)
            upload(board, clip)
            write(board, "words", f"car, {name}")
            board.click("#run")
        for name, tab in zip(("one", "two"), tabs, strict=True):
            board.driver.switch_to.window(tab)
            wait_for(board, "done", 180)
            assert f"/answers/{name}/report.html" in board.one("#answer iframe").get_attribute("src")
    finally:
        board.driver.close()
        board.driver.switch_to.window(tabs[0])


def test_other_files_are_not_served(studio):
    """Neither uploads nor anything beside the answers, by whatever address."""
    (studio.root / "secret.txt").write_text("secret")
    address = studio.address
    for path in (
        "answers/secret.txt", "answers/../secret.txt", "answers/%2e%2e/secret.txt", "answers/..%2f..%2fetc/passwd",
        f"gradio_api/file={studio.root / 'secret.txt'}", "gradio_api/file=/etc/passwd", "file=/etc/passwd",
    ):  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address + path)
        assert refused.value.code in (403, 404), path
    strange = urllib.request.Request(address, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(strange)
