"""The page of the studio: what is on it, and what its buttons do."""

from __future__ import annotations

import html
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio
import numpy as np

from clipvis_core.command_line.studio.library import ASKED, Library
from clipvis_core.command_line.studio.runs import Runs, ask
from clipvis_core.command_line.studio.uploads import take_upload
from clipvis_core.command_line.words import VOCABULARY_SOURCES
from clipvis_core.exports import KINDS, export
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference.answer import Answer
from clipvis_core.inference.output_folder import RESULTS, read_record
from clipvis_core.model_zoo import DEFAULT_MODEL, zoo
from clipvis_core.text.contrast import AUTO, read_contrast

_ONE_JOB = {"concurrency_limit": 1, "concurrency_id": "job"}  # runs, questions and exports wait for each other
STYLE = """
#answer iframe { width: 100%; height: 78vh; border: 1px solid var(--border-color-primary); border-radius: 8px; }
#status textarea { font-variant-numeric: tabular-nums; }
"""
Shown = tuple[Any, ...]


class Board:
    """What the buttons do. Each handler yields the status, the picture, the page, the list of answers and the links."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._runs = Runs()
        self._stopping: dict[str, threading.Event] = {}

    def begin(self, request: gradio.Request) -> str:
        """Lets this browser tab cancel what it asks for, also while that waits for others."""
        self._stopping[request.session_hash] = threading.Event()
        return "waiting for its turn"

    def run(self, files: list[str] | None, words: str, model: str, request: gradio.Request) -> Iterator[Shown]:
        """Segments what was uploaded."""
        stopped = self._stopping[request.session_hash]
        if stopped.is_set():
            raise InputError("the run was cancelled before it began")
        uploads = [Path(file) for file in files or []]
        folder = self._library.new_folder(uploads[0].stem if uploads else "nothing")
        try:
            upload = take_upload(uploads, folder / "input")
            for step in self._runs.segment(upload, words or "", model, folder, stopped):
                picture = gradio.skip() if step.picture is None else step.picture
                yield self._shown(step.message, picture)
        except BaseException:
            if not (folder / RESULTS).exists():
                shutil.rmtree(folder, ignore_errors=True)  # made for this run alone
            raise
        end = "stopped: this is the answer of the frames so far" if stopped.is_set() else "done"
        yield self._answer(folder, end)

    def cancel(self, request: gradio.Request) -> None:
        """Ends this browser tab's run with the frame at hand."""
        if stopped := self._stopping.get(request.session_hash):
            stopped.set()

    def ask(self, name: str | None, words: str) -> Iterator[Shown]:
        """Asks the answer at hand for other words."""
        folder = self._folder(name)
        yield self._shown("asking")
        place = ask(folder.parent if folder.name == ASKED else folder, words or "")
        yield self._answer(place, f"answered for: {words}")

    def open(self, name: str | None) -> Iterator[Shown]:
        """Shows an earlier answer."""
        folder = self._folder(name)
        yield self._answer(folder, "")

    def export(self, name: str | None, kind: str) -> Iterator[Shown]:
        """Writes an export of the answer at hand, and links to it."""
        folder = self._folder(name)
        yield self._shown(f"writing {kind}")
        path = export(Answer.read(folder), kind)
        if path.is_dir():
            path = Path(shutil.make_archive(str(path), "zip", path))
        yield self._answer(folder, f"wrote {path.name}", extra=[path])

    def refresh(self) -> gradio.Dropdown:
        """The list of answers as it is by now."""
        return gradio.Dropdown(choices=self._library.names())

    def _folder(self, name: str | None) -> Path:
        if not name:
            raise InputError("there is no answer yet: run a video, or open an earlier answer")
        return self._library.folder(name)

    @staticmethod
    def _shown(message: str, picture: np.ndarray | Any = None) -> Shown:
        return message, gradio.skip() if picture is None else picture, *[gradio.skip()] * 3

    def _answer(self, folder: Path, message: str, extra: list[Path] | None = None) -> Shown:
        """The same with the page of an answer and links to its files."""
        name = folder.relative_to(self._library.root).as_posix()
        answers = gradio.Dropdown(choices=self._library.names(), value=name)
        return message, None, self._page(folder), answers, self._links(folder, extra or [])

    def _page(self, folder: Path) -> str:
        report = folder / "report.html"
        if not report.exists():
            return "<p>This answer has no page; its files are below.</p>"
        source = f"{self._address(report)}?{report.stat().st_mtime_ns}"
        return f'<iframe src="{source}" sandbox="allow-scripts allow-downloads" title="The answer"></iframe>'

    def _links(self, folder: Path, extra: list[Path]) -> str:
        files = sorted((read_record(folder) or {}).get("files", ()))
        paths = [folder / file for file in files] + extra
        links = [
            f'<a href="{self._address(path)}" download>{html.escape(path.name)}</a>' for path in paths if path.is_file()
        ]
        return " · ".join(links)

    def _address(self, path: Path) -> str:
        return f"answers/{quote(path.relative_to(self._library.root).as_posix())}"


def told(handler: Callable[..., Iterator[Shown]]) -> Callable[..., Iterator[Shown]]:
    """The handler with errors in the status line, as the command line tells them; a fault of ours also on stderr."""

    def telling(*arguments: Any) -> Iterator[Shown]:
        try:
            yield from handler(*arguments)
        except InputError as error:
            yield f"error: {error}", None, *[gradio.skip()] * 3
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            yield f"error: a fault of the studio ({type(error).__name__}), see its terminal", None, *[gradio.skip()] * 3

    return telling


def suggestions() -> list[str]:
    """Words of the shipped lists: everyday things, and LV-VIS where clipvis-data is installed."""
    words = set(read_contrast(AUTO).names)
    for source in entry_points(group=VOCABULARY_SOURCES):
        words.update(name.replace("_", " ") for name in source.load()("lvvis").names)
    return sorted(words, key=str.casefold)


def with_suggestions(words: str, chosen: list[str]) -> tuple[str, list[str]]:
    """The words with the chosen ones at their end, and nothing chosen any more."""
    parts = [part.strip() for part in (words or "").split(";") if part.strip()]
    return "; ".join([*parts, *(word for word in chosen if word not in parts)]), []


def available_models() -> list[str]:
    """Models whose weights are on this machine, the default first."""
    names = [model.name for model in zoo().values() if model.file() is not None]
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def build_page(library: Library) -> gradio.Blocks:
    """The page, for one folder of answers."""
    board = Board(library)
    with gradio.Blocks(title="CLIP-VIS studio", analytics_enabled=False, fill_width=True) as page:
        gradio.Markdown("## CLIP-VIS studio")
        with gradio.Row():
            with gradio.Column(scale=1, min_width=320):
                files, words, chosen, model, run, cancel, status, picture = _asked_column()
            with gradio.Column(scale=3, min_width=480):
                answers, other, asking, answer, kind, exporting, links = _answer_column(library)
        shown = [status, picture, answer, answers, links]
        begun = run.click(board.begin, outputs=status, queue=False)
        begun.then(_with_request(board.run), [files, words, model], shown, **_ONE_JOB)
        asking.click(told(board.ask), [answers, other], shown, **_ONE_JOB)
        exporting.click(told(board.export), [answers, kind], shown, **_ONE_JOB)
        answers.input(told(board.open), answers, shown)
        cancel.click(board.cancel, queue=False)
        chosen.input(with_suggestions, [words, chosen], [words, chosen], queue=False)
        page.load(board.refresh, outputs=answers, queue=False)
    return page


def _asked_column() -> tuple[gradio.components.Component, ...]:
    """What a run needs, and what it says."""
    models = available_models()
    files = gradio.File(label="A video, an image, several images or a zip", file_count="multiple", elem_id="files")
    words = gradio.Textbox(
        label="Words (; parts categories, a comma synonyms)", placeholder="dog, puppy; frisbee", elem_id="words"
    )
    chosen = gradio.Dropdown(suggestions(), multiselect=True, label="Suggestions", elem_id="suggestions")
    model = gradio.Dropdown(models, value=next(iter(models), None), label="Model", elem_id="model")
    with gradio.Row():
        run = gradio.Button("Run", variant="primary", elem_id="run")
        cancel = gradio.Button("Cancel", elem_id="cancel")
    status = gradio.Textbox(label="Status", interactive=False, lines=2, elem_id="status")
    picture = gradio.Image(label="Latest frame", interactive=False, format="jpeg", elem_id="picture")
    return files, words, chosen, model, run, cancel, status, picture


def _answer_column(library: Library) -> tuple[gradio.components.Component, ...]:
    """An answer, what else it can be asked, and what it can be written as."""
    with gradio.Row(equal_height=True):
        # a name that is not listed any more is refused by the library, with a line that says so
        answers = gradio.Dropdown(
            library.names(), value=None, label="Answers", elem_id="answers", allow_custom_value=True
        )
        other = gradio.Textbox(label="Other words for it, without a new run", elem_id="other")
        asking = gradio.Button("Ask", elem_id="ask", scale=0)
    answer = gradio.HTML(elem_id="answer")
    with gradio.Row(equal_height=True):
        kind = gradio.Dropdown(list(KINDS), value="coco", label="Export", elem_id="kind")
        exporting = gradio.Button("Export", elem_id="export", scale=0)
    links = gradio.HTML(elem_id="links")
    return answers, other, asking, answer, kind, exporting, links


def _with_request(handler: Callable[..., Iterator[Shown]]) -> Callable[..., Iterator[Shown]]:
    """`told`, for a handler that is told which browser tab asks; gradio looks for the annotation."""
    telling = told(handler)

    def run(files: list[str] | None, words: str, model: str, request: gradio.Request) -> Iterator[Shown]:
        yield from telling(files, words, model, request)

    run.__annotations__["request"] = gradio.Request
    return run
