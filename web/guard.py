"""Stands before the application: credentials, requests from other people's pages, security headers."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.auth import is_cross_site
from web.edge import Edge
from web.hosts import unserved
from web.problems import problem, response

PUBLIC = frozenset({"/healthz", "/readyz", "/login", "/login.css", "/login.svg"})
"""Paths that need no token."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "x-content-type-options": "nosniff",
    # `no-referrer` would make browsers send `Origin: null` with the login form.
    "referrer-policy": "same-origin",
}


def content_policy(connect: Sequence[str]) -> str:
    """The Content-Security-Policy: scripts, styles and connections from here only, and connections to the
    origins `connect`; nothing inline; shown in nobody's frame."""
    origins = " ".join(("'self'", *connect))
    return (
        f"default-src 'self'; connect-src {origins}; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


class Guard:
    """ASGI middleware; every response gets the security headers."""

    def __init__(self, app: ASGIApp, edge: Edge) -> None:
        self._app = app
        self._edge = edge
        self._headers = {"content-security-policy": content_policy(edge.connect), **_HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._app(scope, receive, send_guarded)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send_guarded).send_denial_response(refusal)
        else:
            await refusal(scope, receive, send_guarded)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        """Why the request may not pass; None if it may."""
        gate, headers, path = self._edge.gate, connection.headers, connection.scope["path"]
        host = headers.get("host")
        if not self._edge.hosts.serves(None if host is None else host.encode("latin-1")):
            return response(problem(421, unserved(host or ""), parameter="Host"))
        by_cookie = False
        if not gate.is_open and path not in PUBLIC:
            authorization = headers.get("authorization")
            if authorization is not None:
                if not gate.admits_bearer(authorization.encode("latin-1")):
                    return response(problem(401, "the token is wrong"))
            elif gate.admits_cookie(headers.get("cookie", "").encode("latin-1"), self._edge.now()):
                by_cookie = True
            else:
                return _unknown(connection.scope, headers)
        is_websocket = connection.scope["type"] == "websocket"
        if is_websocket or connection.scope["method"] not in _SAFE:
            origin = headers.get("origin")
            if is_cross_site(
                None if origin is None else origin.encode("latin-1"),
                headers.get("host", "").encode("latin-1"),
                by_cookie=by_cookie,
            ):
                detail = "requests from pages of another origin are not accepted"
                return response(problem(403, detail, parameter="Origin"))
        return None


def _unknown(scope: Scope, headers: Headers) -> Response:
    """The answer to somebody without credentials: a person is shown the login, a program the rule."""
    if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse("/login", 303)
    return response(problem(401, "a token is needed: send it as `Authorization: Bearer TOKEN`, or log in"))
