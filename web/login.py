"""The login for browsers: the token once, then a cookie that is not the token."""

from __future__ import annotations

import math
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from web.attempts import Attempts
from web.auth import COOKIE, LIFETIME, MARK
from web.edge import Edge
from web.problems import problem, response

_FILES = Path(__file__).parent / "login_page"
_PAGE = Template((_FILES / "index.html").read_text("utf-8"))
_WRONG = "That is not the token."
_LATER = "Too many wrong tokens have been tried. Wait a minute, then try again."
_MAX_FORM = 8 * 1024


def routes(edge: Edge) -> list[Route]:
    """`GET` and `POST /login`, `POST /logout`, and the page's style and icon.

    After too many wrong tokens (see `web.attempts`) `POST /login` answers 429 with Retry-After, whatever the
    token is.
    """
    gate = edge.gate
    attempts = Attempts()

    async def page(request: Request) -> Response:
        if gate.is_open or gate.admits_cookie(
            request.headers.get("cookie", "").encode("latin-1"), edge.now()
        ):
            return RedirectResponse("/", 303)
        return _page(200)

    async def login(request: Request) -> Response:
        if gate.is_open:
            return RedirectResponse("/", 303)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM:
                return response(problem(413, f"the form may have {_MAX_FORM} bytes"))
        form = parse_qs(bytes(body).decode("utf-8", "replace"))
        address = request.client.host if request.client is not None else ""
        if (wait := attempts.wait(address, edge.now())) > 0:
            answer = _page(429, _LATER)
            answer.headers["retry-after"] = str(math.ceil(wait))
            return answer
        if not gate.admits_token(form.get("token", [""])[-1].strip()):
            attempts.failed(address, edge.now())
            return _page(401, _WRONG)
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        for name, value, is_secret in ((COOKIE, gate.session(edge.now()), True), (MARK, "yes", False)):
            answer.set_cookie(
                name, value, LIFETIME, path="/", secure=secure, httponly=is_secret, samesite="strict"
            )
        return answer

    async def logout(request: Request) -> Response:
        answer = RedirectResponse("/login", 303)
        for name, is_secret in ((COOKIE, True), (MARK, False)):
            answer.delete_cookie(name, path="/", httponly=is_secret, samesite="strict")
        return answer

    async def style(request: Request) -> Response:
        return FileResponse(_FILES / "login.css", media_type="text/css")

    async def icon(request: Request) -> Response:
        return FileResponse(_FILES / "login.svg", media_type="image/svg+xml")

    return [
        Route("/login", page, methods=["GET"]),
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/login.css", style, methods=["GET"]),
        Route("/login.svg", icon, methods=["GET"]),
    ]


def _page(status: int, alert: str = "") -> Response:
    return HTMLResponse(_PAGE.substitute(alert=alert), status)
