"""The studio as a server: the page of gradio, and the files of answers beside it."""

from __future__ import annotations

import socket
from pathlib import Path

import fastapi
import gradio
import uvicorn

from clipvis_core.command_line.studio.access import Access
from clipvis_core.command_line.studio.board import STYLE, build_page
from clipvis_core.command_line.studio.library import Library
from clipvis_core.command_line.studio.uploads import MOST_BYTES
from clipvis_core.foundation.errors import InputError

_SHOWN = (".html", ".mp4", ".png")
#: A page of an answer runs its own program, but as a stranger to the studio.
_HEADERS = {"Content-Security-Policy": "sandbox allow-scripts allow-downloads", "X-Content-Type-Options": "nosniff"}


def build_app(root: Path, token: str | None = None) -> Access:
    """The studio of an output folder."""
    library = Library(root)
    app = fastapi.FastAPI(openapi_url=None)

    @app.get("/answers/{path:path}")
    def file(path: str) -> fastapi.Response:
        place = library.file(path)
        if place is None:
            raise fastapi.HTTPException(404, "there is no such file")
        shown = "inline" if place.suffix in _SHOWN else "attachment"
        return fastapi.responses.FileResponse(
            place, filename=place.name, headers=_HEADERS, content_disposition_type=shown
        )

    page = build_page(library)
    page.queue(max_size=32)
    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])  # nothing is fetched
    options = {"show_error": False, "footer_links": [], "ssr_mode": False, "theme": theme, "css": STYLE}
    mounted = gradio.mount_gradio_app(app, page, path="/", max_file_size=MOST_BYTES, **options)
    return Access(mounted, token)


def serve(root: Path, host: str, port: int, token: str | None) -> None:
    """Serves until somebody presses Ctrl-C.

    Raises:
        InputError: The address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # a browser that comes at once waits
    except (OSError, OverflowError) as error:
        raise InputError(f"{host}:{port} cannot be listened at ({error}): choose another --port") from None
    app = build_app(root, token)  # before the address is printed: it takes seconds
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}/"
    print(f"studio: {address}{f'?token={token}' if token else ''} (answers in {root}; Ctrl-C ends it)", flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listening])
