"""The ASGI application: everything of the public contract except `POST /api/metrics`, which `web.protocol`
answers before it comes here."""

from __future__ import annotations

from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from web import dead_letters, exposition, flags, frames, login, ofrep, realtime, state, system
from web.edge import Edge
from web.guard import Guard
from web.letters import DeadLettersUnavailableError, LetterUnderWayError, NoSuchLetterError
from web.live import Hub
from web.page import Page
from web.ports import HistoryUnavailableError, Ports
from web.problems import ProblemDetails, of_receiver, problem, response
from web.queries import ParameterError, attributes_query, only, series_query
from web.receivers.errors import ReceiverError

PAGE = Path(__file__).parent / "dashboard" / "dist"
"""What web/dashboard/build.py makes."""


def make_app(ports: Ports, edge: Edge, hub: Hub) -> Starlette:
    """The application over `ports`; `edge` and `hub` are shared with the server that runs it."""
    app = Starlette(
        routes=[
            *_health(ports),
            *_api(ports, edge, hub),
            *dead_letters.routes(ports.dead_letters, edge),
            *frames.routes(ports.live),
            *state.routes(ports.past),
            *system.routes(ports.machinery),
            *flags.routes(ports.flags, edge),
            *ofrep.routes(ports.flags, edge),
            *realtime.routes(ports.realtime),
            *login.routes(edge),
            WebSocketRoute("/api/live", hub.serve),
            Route("/api/metrics", _elsewhere, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, edge=edge)],
        exception_handlers={
            HTTPException: _http_error,
            ClientDisconnect: _client_gone,
            ParameterError: _parameter_error,
            ReceiverError: _receiver_error,
            HistoryUnavailableError: _history_unavailable,
            NoSuchLetterError: _no_such_letter,
            LetterUnderWayError: _letter_under_way,
            DeadLettersUnavailableError: _dead_letters_unavailable,
            Exception: _failed,
        },
    )
    # Not a route: a mount at "/" would match before a route with the wrong method can say 405.
    app.router.default = _Rest(Page(PAGE))
    return app


def _health(ports: Ports) -> list[BaseRoute]:
    async def healthz(request: Request) -> Response:
        return _json({"alive": True})

    async def readyz(request: Request) -> Response:
        reasons = ports.status.not_ready()
        if not reasons:
            return _json({"ready": True})
        return response(
            msgspec.structs.replace(problem(503, "; ".join(reasons), retry_after=1.0), reasons=reasons)
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _api(ports: Ports, edge: Edge, hub: Hub) -> list[BaseRoute]:
    text = exposition.exposition(ports.status.report, edge, lambda: len(hub.subscribers))

    async def metrics(request: Request) -> Response:
        return Response(text(), media_type=exposition.CONTENT_TYPE)

    async def status(request: Request) -> Response:
        only(request.query_params, ())
        return _json(ports.status.report())

    async def series(request: Request) -> Response:
        given = request.query_params
        query = series_query(given, int(edge.now() * 1e9), given.getlist("attribute"))
        return _json(await ports.history.series(query))

    async def names(request: Request) -> Response:
        only(request.query_params, ())
        return _json(await ports.history.names())

    async def sessions(request: Request) -> Response:
        only(request.query_params, ())
        return _json(await ports.history.sessions())

    async def attributes(request: Request) -> Response:
        return _json(await ports.history.attributes(attributes_query(request.query_params)))

    return [
        Route("/metrics", metrics),
        Route("/api/status", status),
        Route("/api/series", series),
        Route("/api/names", names),
        Route("/api/sessions", sessions),
        Route("/api/attributes", attributes),
    ]


class _Rest:
    """What no route matches: a file of the page, or nothing."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the file."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        elif scope["path"].startswith("/api/"):
            raise HTTPException(404)
        else:
            await self._page(scope, receive, send)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _elsewhere(request: Request) -> Response:
    raise RuntimeError("web.protocol answers POST /api/metrics; is uvicorn run without it?")


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = response(_details(request, error))
    answer.headers.update(error.headers or {})
    return answer


def _details(request: Request, error: HTTPException) -> ProblemDetails:
    match error.status_code:
        case 404:
            return problem(404, f"there is nothing at {request.url.path}")
        case 405:
            allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow", "")
            return problem(405, f"{request.method} is not possible here; allowed: {allowed}")
        case status:
            return problem(status, error.detail)


def _client_gone(request: Request, error: Exception) -> Response:
    # Nobody is there to read it; without it, the log would have a traceback for each who hangs up.
    return response(problem(400, "the body was not sent to its end"))


def _parameter_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ParameterError)
    return response(problem(400, str(error), parameter=error.parameter))


def _history_unavailable(request: Request, error: Exception) -> Response:
    return response(problem(503, str(error) or "the store cannot be asked now", retry_after=5.0))


def _receiver_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ReceiverError)
    return response(of_receiver(error))


def _no_such_letter(request: Request, error: Exception) -> Response:
    return response(problem(404, str(error)))


def _letter_under_way(request: Request, error: Exception) -> Response:
    return response(problem(409, str(error), retry_after=1.0))


def _dead_letters_unavailable(request: Request, error: Exception) -> Response:
    return response(problem(503, str(error) or "the queue cannot do that now", retry_after=5.0))


def _failed(request: Request, error: Exception) -> Response:
    return response(problem(500, "the request could not be handled; the server's log says why"))
