"""Who gets in, and which files are given away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clipvis_core import InputError
from clipvis_core.command_line.studio import check_host
from clipvis_core.command_line.studio.access import COOKIE, Access
from clipvis_core.command_line.studio.library import Library
from clipvis_core.foundation.whole_file import write_json

TOKEN = "0123456789abcdef"


def ask(token: str | None, query: str = "", **headers: str) -> list[dict]:
    """What is sent to a browser that asks."""
    sent: list[dict] = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    names = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    scope = {"type": "http", "query_string": query.encode(), "headers": list(names.items())}
    asyncio.run(Access(app, token)(scope, None, send))
    return sent


def test_without_a_token_only_this_machine_by_its_name():
    assert ask(None, host="127.0.0.1:7860")[0]["status"] == 200
    assert ask(None, host="localhost:7860")[0]["status"] == 200
    assert ask(None, host="[::1]:7860")[0]["status"] == 200
    assert ask(None, host="evil.example:7860")[0]["status"] == 403
    assert ask(None)[0]["status"] == 403


def test_with_a_token_nobody_without_it():
    assert ask(TOKEN, host="studio")[0]["status"] == 401
    assert ask(TOKEN, f"token={TOKEN}x", host="studio")[0]["status"] == 401
    assert ask(TOKEN, host="studio", cookie=f"{COOKIE}=guess")[0]["status"] == 401
    first = ask(TOKEN, f"token={TOKEN}", host="studio")[0]
    assert first["status"] == 200
    cookie = dict(first["headers"])[b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert ask(TOKEN, host="studio", cookie=cookie.split(";")[0])[0]["status"] == 200


def test_too_large_a_body():
    assert ask(None, host="localhost", content_length=str(2**32))[0]["status"] == 413
    assert ask(None, host="localhost", content_length="much")[0]["status"] == 413


@pytest.mark.parametrize(
    ("host", "token", "message"),
    [
        ("0.0.0.0", None, "lets others in"),
        ("example.org", None, "lets others in"),
        ("0.0.0.0", "short", "at least 16"),
        ("127.0.0.1", "a secret with blanks", "at least 16"),
    ],
)
def test_hosts_and_tokens_that_are_refused(host, token, message):
    with pytest.raises(InputError, match=message):
        check_host(host, token)


def test_hosts_that_are_fine():
    for host, token in (("127.0.0.1", None), ("::1", None), ("localhost", None), ("0.0.0.0", TOKEN)):
        check_host(host, token)


def answer(folder: Path, files: list[str]) -> None:
    folder.mkdir(parents=True)
    for file in ("results.json", *files):
        (folder / file).write_text("[]")
    write_json({"made_by": "clipvis", "files": ["results.json", *files]}, folder / "video.json")


def test_only_what_runs_and_exports_wrote_is_given_away(tmp_path):
    root = tmp_path / "out"
    answer(root / "park", ["report.html"])
    answer(root / "park/asked", [])
    (root / "park/input").mkdir()
    (root / "park/exports").mkdir()
    for path in ("park/input/private.mp4", "park/notes.txt", "park/exports/coco.zip", ".uploads", "stranger"):
        (root / path).write_text("")
    (tmp_path / "outside.txt").write_text("")
    (root / "park/exports/link").symlink_to(tmp_path / "outside.txt")
    library = Library(root)
    assert set(library.names()) == {"park", "park/asked"}
    for path in ("park/report.html", "park/video.json", "park/asked/results.json", "park/exports/coco.zip"):
        assert library.file(path) == (root / path).resolve()
    for path in (
        "park/input/private.mp4", "park/notes.txt", ".uploads", "stranger", "../outside.txt", "park/../../outside.txt",
        "park/exports/link", "park", "nothing", "",
    ):  # fmt: skip
        assert library.file(path) is None, path
    assert library.new_folder("park") == root / "park-2"
    with pytest.raises(InputError, match="there is no answer"):
        library.folder("../out/park")
