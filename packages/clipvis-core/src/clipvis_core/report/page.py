"""The page itself: a template with its style, its modules and the answer in it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from clipvis_core.foundation.errors import InputError
from clipvis_core.foundation.whole_file import whole_file
from clipvis_core.inference.result import SegmentationResult
from clipvis_core.media import FrameSource
from clipvis_core.report.content import Content
from clipvis_core.report.picture import picture_bytes

MOST_FRAMES = 20_000  # a browser takes a page of at most some hundred megabytes
_TEMPLATE, _STYLE, _PROGRAM = "page.html", "page.css", "main"
_SLOT = re.compile(r"<!--(\w+)-->")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+)\.js";\n', re.MULTILINE)


def write_report(
    result: SegmentationResult,
    source: FrameSource,
    path: str | Path,
    *,
    score_thr: float,
    all_tracks: bool = False,
    complete: bool = True,
    progress: bool = True,
) -> None:
    """Writes the page of an answer, whole or not at all; arguments and errors as of `report_chunks`."""
    chunks = report_chunks(
        result, source, score_thr=score_thr, all_tracks=all_tracks, complete=complete, progress=progress
    )
    with whole_file(path) as file:
        file.writelines(chunks)


def report_chunks(
    result: SegmentationResult,
    source: FrameSource,
    *,
    score_thr: float,
    all_tracks: bool = False,
    complete: bool = True,
    progress: bool = True,
) -> Iterator[bytes]:
    """The page of an answer, piece by piece.

    Args:
        result: The answer.
        source: The frames, read once more.
        score_thr: The threshold that the page starts with.
        all_tracks: Whether duplicates, parts of a thing and tracks that flicker are in it, too.
        complete: Whether all frames of the source were segmented; else the page says so.
        progress: Show a progress bar.

    Raises:
        InputError: The frames cannot be read again, or are more than `MOST_FRAMES`.
    """
    if result.num_frames > MOST_FRAMES:
        raise InputError(f"{result.name}: a page has at most {MOST_FRAMES} frames, this are {result.num_frames}")
    content = Content.of(result, score_thr, all_tracks=all_tracks)
    fillings = {
        "policy": [_policy()],
        "title": [html.escape(result.name)],
        "style": [_style()],
        "facts": [_inert_json(content.facts(score_thr=score_thr, complete=complete))],
        "masks": _mask_elements(content),
        "media": _base64(picture_bytes(result, source, progress=progress)),
        "script": [_script()],
    }
    text, *rest = _SLOT.split(_file(_TEMPLATE))
    yield text.encode()
    for slot, text in zip(rest[::2], rest[1::2], strict=True):
        for part in fillings[slot]:
            yield part.encode(errors="replace")
        yield text.encode()


def _mask_elements(content: Content) -> Iterator[str]:
    for number, block in enumerate(content.mask_blocks()):
        yield f'<script type="text/plain" id="masks-{number}">{block}</script>\n'


def _base64(chunks: Iterable[bytes]) -> Iterator[str]:
    """Base64 of bytes whose pieces, but for the last, are multiples of three long."""
    return (base64.b64encode(chunk).decode("ascii") for chunk in chunks)


def _inert_json(content: dict) -> str:
    """JSON that cannot end the element it stands in, whatever names it holds."""
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _policy() -> str:
    """Nothing is loaded, and no program runs but the page's own."""
    allowed = {
        "default-src": "'none'",
        "script-src": f"'sha256-{_digest(_script())}'",
        "style-src": f"'sha256-{_digest(_style())}'",
        "img-src": "blob:",
        "media-src": "blob:",
    }
    return "; ".join(f"{kind} {source}" for kind, source in allowed.items())


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _file(name: str) -> str:
    return files("clipvis_core.report").joinpath("page", name).read_text(encoding="utf-8")


def _style() -> str:
    return _file(_STYLE)


@cache
def _script() -> str:
    """All modules as one, each after those that it imports.

    Modules within a page cannot import each other; so imports and exports are left out, and names are unique.
    """
    modules: dict[str, str] = {}

    def add(name: str) -> None:
        text = _file(f"{name}.js")
        for imported in _IMPORT.findall(text):
            if imported not in modules:
                add(imported)
        modules[name] = re.sub(r"^export ", "", _IMPORT.sub("", text), flags=re.MULTILINE)

    add(_PROGRAM)
    return "\n".join(modules.values())
