"""`GET /api/frames?first_offset=&last_offset=`: what a page missed, where it has no WebSocket to ask by.

Both ends are included, and at most web.queries.MAX_OFFSETS lie between them. The answer is NDJSON
(`application/x-ndjson`): each line is a frame as the WebSocket answers a `backfill` with it, `metrics` or
`gap`, and the lines cover what was asked for in order, without a hole. What live frames have not covered yet
is left out; where that is all of it, there is no line.

Few are answered at a time, each with one frame in memory, and between two frames everybody else in the
process has a turn; who comes too many is told when to come again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import anyio
import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from web.live import ended, following_offset
from web.ports import Live
from web.problems import problem, response
from web.queries import FramesQuery, frames_query

AT_ONCE: Final = 4
"""Answers under way; a further request is refused with 429."""

TIMEOUT: Final = 60.0
"""Seconds that a client has to take its answer, which is then cut off."""

RETRY_AFTER: Final = 1.0
"""Seconds after which who was refused may come again."""

CONTENT_TYPE: Final = "application/x-ndjson"


def routes(live: Live) -> list[BaseRoute]:
    """All of `/api/frames`. What is asked wrongly is a ParameterError."""
    under_way: set[_Frames] = set()

    async def frames(request: Request) -> Response:
        asked = frames_query(request.query_params)
        if len(under_way) >= AT_ONCE:
            detail = f"{AT_ONCE} answers of this kind are under way, which is the limit"
            return response(problem(429, detail, retry_after=RETRY_AFTER))
        answer = _Frames(live, asked, under_way)
        under_way.add(answer)
        return answer

    return [Route("/api/frames", frames, methods=["GET"])]


class _Frames(StreamingResponse):
    """The answer to one request; out of `under_way` when it is over, however it ends."""

    def __init__(self, live: Live, asked: FramesQuery, under_way: set[_Frames]) -> None:
        self._lines = _lines(live, asked)
        self._under_way = under_way
        super().__init__(self._lines, media_type=CONTENT_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._lines):
                with anyio.move_on_after(TIMEOUT):
                    await super().__call__(scope, receive, send)
        finally:
            self._under_way.discard(self)


async def _lines(live: Live, asked: FramesQuery) -> AsyncGenerator[str]:
    until = min(asked.until, following_offset(live))
    if asked.first >= until:
        return
    async with ended(live.backfill(asked.first, until)) as frames:
        async for frame in frames:
            yield frame.text + "\n"
            await anyio.lowlevel.checkpoint()
