"""`GET /api/state`: the folded state as of an offset or a time."""

from __future__ import annotations

from typing import assert_never

import anyio
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from journal.inspect import in_full
from web.past import OutsideJournal, StateAnswer, StateBusy, StateReport, StateUnknown
from web.ports import Past
from web.problems import problem, response
from web.queries import StateQuery, state_query
from web.turns import CLIENT_ENDED


def routes(past: Past) -> list[BaseRoute]:
    """All of `/api/state`. What a person asks wrongly is a ParameterError."""

    async def state(request: Request) -> Response:
        asked = state_query(request.query_params)
        return _response(asked, await _unless_gone(request, past, asked))

    return [Route("/api/state", state)]


async def _unless_gone(request: Request, past: Past, asked: StateQuery) -> StateAnswer:
    """What `past` answers. Reading ends where nobody waits for it any more: who drags a slider asks often,
    and wants the last answer alone. Raises ClientDisconnect."""
    answer: StateAnswer | None = None

    async def ask() -> None:
        nonlocal answer
        answer = await past.state(asked.offset, asked.time)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        request.scope[CLIENT_ENDED] = tasks.cancel_scope.cancel
        tasks.start_soon(ask)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        tasks.cancel_scope.cancel()
    if answer is None:
        raise ClientDisconnect
    return answer


def _response(asked: StateQuery, answer: StateAnswer) -> Response:
    match answer:
        case StateReport():
            return Response(msgspec.json.encode(in_full(answer)), media_type="application/json")
        case OutsideJournal(first_offset=first, next_offset=end):
            return response(
                problem(
                    404,
                    f"that is not in what is kept of the journal: ask for an offset from {first} to {end}, "
                    "or for a time since then",
                    parameter="time" if asked.offset is None else "offset",
                )
            )
        case StateUnknown(detail=detail):
            return response(problem(500, detail))
        case StateBusy():
            return response(problem(503, "too many states are asked for at once", retry_after=1.0))
        case _:
            assert_never(answer)
