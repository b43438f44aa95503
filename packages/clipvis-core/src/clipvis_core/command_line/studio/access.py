"""Who may ask the studio for anything."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from clipvis_core.command_line.studio.uploads import MOST_BYTES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

COOKIE = "clipvis_token"
_LOOPBACK_NAMES = {"127.0.0.1", "localhost", "[::1]"}


class Access:
    """Lets requests through that name this machine and know the token, and none with too large a body.

    A page of another site can send a browser here, under a name of its own that it makes point to this machine; without
    a token, only names of this machine are therefore answered.

    Args:
        app: What answers.
        token: The secret, or None.
    """

    def __init__(self, app: Callable, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if refusal := self._refusal(headers, given):
            await _refuse(scope, send, *refusal)
            return
        await self._app(scope, receive, _with_cookie(send, given) if self._token and given else send)

    def _refusal(self, headers: dict[str, str], given: str) -> tuple[int, str] | None:
        if self._token is None and headers.get("host", "").rsplit(":", 1)[0] not in _LOOPBACK_NAMES:
            return 403, "open the studio under 127.0.0.1"
        if self._token is not None and not any(_same(known, self._token) for known in (given, _cookie(headers))):
            return 401, "open the address that the studio printed: it ends with a token"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES + 2**20:
            return 413, f"an upload has at most {MOST_BYTES >> 30} GB"
        return None


def _cookie(headers: dict[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _with_cookie(send: Send, token: str) -> Send:
    async def sending(message: Scope) -> None:
        if message["type"] == "http.response.start":
            cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
            message["headers"] = [*message.get("headers", ()), (b"set-cookie", cookie.encode("latin-1"))]
        await send(message)

    return sending


async def _refuse(scope: Scope, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
