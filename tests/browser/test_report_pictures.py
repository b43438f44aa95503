"""The page of a real answer on a telephone and on a large screen.

`CLIPVIS_PICTURES=docs/images` takes the documents' pictures.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from clipvis_core.inference import CLIPVISInferencer
from clipvis_core.media import open_frames
from clipvis_core.report import write_report

pytestmark = pytest.mark.slow

WORDS = ["dog, puppy", "ball", "grass", "person", "tree"]
SIZES = {"phone": (390, 844), "desk": (1920, 1080)}


@pytest.fixture(scope="module")
def report(repo_root, tmp_path_factory):
    source = open_frames(repo_root / "assets/demo.mp4")
    inferencer = CLIPVISInferencer("photo-mini", vocabulary=WORDS, device="cpu")
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(inferencer(source, progress=False), source, path, score_thr=inferencer.score_thr, progress=False)
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """Where pictures go."""
    wanted = os.environ.get("CLIPVIS_PICTURES")
    return Path(wanted) if wanted else tmp_path_factory.mktemp("pictures")


def take(page, path: Path, most_width: int) -> None:
    """A picture of what is on the screen, as a small JPEG."""
    picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    picture.thumbnail((most_width, 4000))
    picture.save(path, quality=82)
    assert path.stat().st_size < 150_000


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_everything_has_room(page, report, pictures, size, theme):
    """Nothing is wider than the screen, and the video, the controls and the table are on it."""
    page.resize(*SIZES[size], 2 if size == "phone" else 1)
    page.open(report.as_uri())
    page.run("localStorage.clear(); document.documentElement.dataset.theme = arguments[0]", theme)
    page.slide("#seek", 12)
    page.wait(lambda: page.one("html").get_attribute("data-frame") == "12", "frame 12")
    page.all("#tracks tbody tr:not([hidden]) .label")[0].click()
    width, height = SIZES[size]
    assert page.run("return document.documentElement.scrollWidth") <= width
    for part in ("#stage", "#play", "#threshold", "#tracks"):
        box = page.one(part).rect
        assert box["width"] > 30, part
        assert box["x"] >= 0, part
        assert box["x"] + box["width"] <= width, part
    assert page.one("#stage").rect["height"] > height / 5
    if size == "phone":
        for button in page.all("button.icon"):
            if button.is_displayed():
                assert min(button.size["width"], button.size["height"]) >= 32
    take(page, pictures / f"report_{size}_{theme}.jpg", 585 if size == "phone" else 1280)
    if size == "phone":
        page.run("document.querySelector('#list').scrollIntoView()")
        take(page, pictures / f"report_{size}_{theme}_list.jpg", 585)
