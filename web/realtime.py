"""`GET /api/realtime`: what a page needs to listen on the private channel."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from web.flags import session_of
from web.ports import Realtime, RealtimeUnavailableError
from web.problems import problem, response


def routes(realtime: Realtime | None) -> list[BaseRoute]:
    """`GET /api/realtime?session=` answers RealtimeTicket; 409 says what is not configured, and then the
    page stays on the WebSocket. A ticket is renewed by asking again before it expires."""

    async def ticket(request: Request) -> Response:
        session = session_of(request)
        if realtime is None:
            return response(problem(409, "Realtime is off: set realtime, SUPABASE_URL and its keys"))
        try:
            given = realtime.ticket(session)
        except RealtimeUnavailableError as error:
            return response(problem(409, str(error)))
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(given), media_type="application/json", headers=headers)

    return [Route("/api/realtime", ticket)]
