"""The System and Sessions views over HTTP. The shapes are those of `web.machinery`:

GET  /api/journal/segments         {"segments": [SegmentSeen…]}, the oldest first
GET  /api/actors/{path}/crash      LastCrash; 204 where it has not crashed; 404 names the actors. `path` as
                                   the status has it: /api/actors/stores/sqlite/crash
GET  /api/senders?limit=           SendersReport; 1,000 senders unless `limit` (1 to 10,000) says otherwise
POST /api/stores/{name}/breaker    {"position": "open" | "closed"} → BreakerNow; 404 names the stores; 409
                                   where there is no breaker to move
"""

from __future__ import annotations

from typing import assert_never

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from web.bodies import json_body
from web.machinery import (
    BreakerMove,
    BreakerNow,
    BreakerOff,
    LastCrash,
    Machinery,
    NoCrash,
    NoSuchPart,
)
from web.problems import problem, response
from web.queries import ParameterError, only
from web.receivers.errors import ReceiverError

USUAL_SENDERS = 1_000
MAX_SENDERS = 10_000
_MAX_BODY = 1024


def routes(machinery: Machinery) -> list[BaseRoute]:
    """All routes of this module's text. What a person asks wrongly is a ParameterError or ReceiverError."""

    async def segments(request: Request) -> Response:
        only(request.query_params, ())
        return _json({"segments": machinery.segments()})

    async def crash(request: Request) -> Response:
        only(request.query_params, ())
        path = request.path_params["path"]
        answer = machinery.crash(path)
        match answer:
            case LastCrash() as found:
                return _json(found)
            case NoCrash():
                return Response(status_code=204)
            case NoSuchPart(known=known):
                return _unknown("actor", path, known)
            case _:
                assert_never(answer)

    async def senders(request: Request) -> Response:
        only(request.query_params, ("limit",))
        return _json(machinery.senders(_limit(request.query_params.get("limit"))))

    async def breaker(request: Request) -> Response:
        name = request.path_params["name"]
        move = _move(await json_body(request, _MAX_BODY))
        answer = await machinery.move_breaker(name, move.position)
        match answer:
            case BreakerNow() as now:
                return _json(now)
            case BreakerOff(detail=detail):
                return response(problem(409, detail))
            case NoSuchPart(known=known):
                return _unknown("store", name, known)
            case _:
                assert_never(answer)

    return [
        Route("/api/journal/segments", segments),
        Route("/api/actors/{path:path}/crash", crash),
        Route("/api/senders", senders),
        # A store's name may hold a slash: the host and database of a Postgres store.
        Route("/api/stores/{name:path}/breaker", breaker, methods=["POST"]),
    ]


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _unknown(what: str, name: str, known: list[str]) -> Response:
    return response(problem(404, f"there is no {what} {name[:200]!r}; there are: {', '.join(known)}"))


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_SENDERS
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MAX_SENDERS):
        raise ParameterError("limit", f"expected a whole number from 1 to {MAX_SENDERS}")
    return int(text)


def _move(body: bytes) -> BreakerMove:
    try:
        return msgspec.json.decode(body, type=BreakerMove)
    except msgspec.DecodeError as error:
        raise ReceiverError(f'{error}; send {{"position": "open"}} or {{"position": "closed"}}') from error
