"""`/api/flags`: what a session gets of each flag, who was given what, and changes."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from journal.events import UNREADABLE
from web.bodies import json_body
from web.edge import Edge
from web.evaluations import MAX_SESSION, FlagChange, FlagChangeError, Flags, NoSuchFlagError
from web.ports import Refused
from web.problems import of_refusal, problem, response
from web.queries import ParameterError, only
from web.receivers.errors import Problem, ReceiverError
from web.receivers.items import reason_of


def routes(flags: Flags, edge: Edge) -> list[BaseRoute]:
    """All of `/api/flags`. Shapes are those of web.evaluations: `GET /api/flags?session=` answers FlagList,
    `GET /api/flags/{name}?session=` FlagDetails, `PUT /api/flags/{name}` takes FlagChange and answers
    FlagReport once the change is durable. An unknown flag is a 404 that names those that there are.
    """

    async def every(request: Request) -> Response:
        return _json(flags.overview(session_of(request)))

    async def one(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            if request.method == "PUT":
                only(request.query_params, ())
                return await change(name, await json_body(request, edge.max_body))
            return _json(flags.show(name, session_of(request)))
        except NoSuchFlagError as error:
            return response(problem(404, str(error)))

    async def change(name: str, body: bytes) -> Response:
        try:
            done = await flags.change(name, _decoded(body))
        except FlagChangeError as error:
            raise ReceiverError(str(error), [Problem(0, error.field, error.reason)]) from error
        return response(of_refusal(done)) if isinstance(done, Refused) else _json(done)

    return [
        Route("/api/flags", every),
        Route("/api/flags/{name:path}", one, methods=["GET", "PUT"]),
    ]


def session_of(request: Request) -> str:
    """The one parameter that a flag may be asked with; "" where it is missing. Raises ParameterError."""
    only(request.query_params, ("session",))
    session = request.query_params.get("session", "")
    if len(session) > MAX_SESSION:
        raise ParameterError("session", f"may have {MAX_SESSION} characters")
    return session


def _decoded(body: bytes) -> FlagChange:
    try:
        return msgspec.json.decode(body or b"{}", type=FlagChange)
    except UNREADABLE as error:
        raise ReceiverError(reason_of(error)) from error


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
