"""A real browser without a window, and pages opened in it from disk."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "core" / "report"))  # for moving_answers

ROOM = "--window-size=1400,900"


class Page:
    """A page in the browser, with short ways to look at it and to act on it.

    Attributes:
        driver: The browser.
        downloads: Folder of the files that it saves.
    """

    def __init__(self, driver, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads

    def open(self, address: str, ready: str = "html[data-ready]") -> None:
        """Opens an address and waits until the selector `ready` is there."""
        self.driver.get(address)
        self.wait(lambda: self.all(ready), f"{ready} in {address}")

    def run(self, script: str, *arguments: object) -> object:
        """What a function body returns in the page."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list:
        """The elements of a selector."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str):
        """The only element of a selector."""
        (element,) = self.all(selector)
        return element

    def click(self, selector: str) -> None:
        self.one(selector).click()

    def point(self, selector: str, x: int = 0, y: int = 0, *, click: bool = False) -> None:
        """Moves the pointer to a place of an element, counted from its middle."""
        from selenium.webdriver import ActionChains

        actions = ActionChains(self.driver).move_to_element_with_offset(self.one(selector), x, y)
        (actions.click() if click else actions).perform()

    def keys(self, *keys: str, held: str = "") -> None:
        """Presses keys one after the other, whatever has the focus; `held` is down meanwhile."""
        from selenium.webdriver import ActionChains

        actions = ActionChains(self.driver)
        actions = actions.key_down(held) if held else actions
        actions = actions.send_keys(*keys)
        (actions.key_up(held) if held else actions).perform()

    def slide(self, selector: str, value: float) -> None:
        """Moves a slider as a drag does."""
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
        self.run(script, self.one(selector), value)

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 20) -> object:
        """Waits until a condition holds and returns its value."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            time.sleep(0.02)
        return value

    def saved(self, pattern: str) -> Path:
        """The file that was just saved under a name."""
        (path,) = self.wait(lambda: list(self.downloads.glob(pattern)), pattern)
        return path

    def resize(self, width: int, height: int, ratio: float = 1) -> None:
        """Gives the page a size, below what a window can have, too."""
        size = {"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def errors(self) -> list[str]:
        """What the console complained about since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


def start_browser(downloads: Path):
    """A Chromium without a window that saves files to a folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ROOM):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(20)
    return driver


@pytest.fixture(scope="session")
def driver(tmp_path_factory) -> Iterator[tuple]:
    """The browser and the folder that it saves to."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.skip("needs a browser (Debian: apt install chromium chromium-driver)")
    pytest.importorskip("selenium", reason="needs selenium, which `make setup` installs")
    downloads = tmp_path_factory.mktemp("downloads")
    browser = start_browser(downloads)
    yield browser, downloads
    browser.quit()


@pytest.fixture
def page(driver) -> Iterator[Page]:
    """A page that complained about nothing when the test is over."""
    browser, downloads = driver
    for path in downloads.iterdir():
        path.unlink()
    page = Page(browser, downloads)
    page.resize(1400, 900)
    page.errors()
    yield page
    assert page.errors() == []
