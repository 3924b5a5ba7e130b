"""`GET /api/frames?first_offset=&last_offset=`: what a page missed, where it has no WebSocket to ask by.

Both ends are included, and at most web.queries.MAX_OFFSETS lie between them. The answer is NDJSON
(`application/x-ndjson`): each line is a frame as the WebSocket answers a `backfill` with it, `metrics` or
`gap`, and the lines cover what was asked for in order, without a hole. What live frames have not covered yet
is left out; where that is all of it, there is no line.

Ingest goes first: few are answered at a time, each with one frame in memory, who comes too many is told when
to come again, and of the time of the process all of them together get a share, however fast they read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from time import monotonic
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from web.live import ended, following_offset
from web.ports import Frame, Live
from web.problems import problem, response
from web.queries import FramesQuery, frames_query

AT_ONCE: Final = 4
"""Answers under way; a further request is refused with 429."""

TIMEOUT: Final = 60.0
"""Seconds that a client has to take its answer, which is then cut off."""

RETRY_AFTER: Final = 1.0
"""Seconds after which who was refused may come again."""

PAUSE: Final = 4.0
"""How much longer than a frame has taken to make nobody gets a further one: a fifth of the time is theirs,
and less when the process is busy, for then a frame takes long. 20,000 offsets take 0.2 s on an idle one."""

LONGEST_PAUSE: Final = 0.25
"""Seconds."""

CONTENT_TYPE: Final = "application/x-ndjson"


def routes(live: Live) -> list[BaseRoute]:
    """All of `/api/frames`. What is asked wrongly is a ParameterError."""
    under_way: set[_Frames] = set()
    pace = Pace()

    async def frames(request: Request) -> Response:
        asked = frames_query(request.query_params)
        if len(under_way) >= AT_ONCE:
            detail = f"{AT_ONCE} answers of this kind are under way, which is the limit"
            return response(problem(429, detail, retry_after=RETRY_AFTER))
        answer = _Frames(_lines(live, asked, pace), under_way)
        under_way.add(answer)
        return answer

    return [Route("/api/frames", frames, methods=["GET"])]


class _Frames(StreamingResponse):
    """The answer to one request; out of `under_way` when it is over, however it ends."""

    def __init__(self, lines: AsyncGenerator[str], under_way: set[_Frames]) -> None:
        self._lines = lines
        self._under_way = under_way
        super().__init__(lines, media_type=CONTENT_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._lines):
                with anyio.move_on_after(TIMEOUT):
                    await super().__call__(scope, receive, send)
        finally:
            self._under_way.discard(self)


class Pace:
    """One frame is made at a time, and then none for a while."""

    def __init__(self) -> None:
        self._making = anyio.Lock()
        self._free_at = float("-inf")

    async def next(self, frames: AsyncIterator[Frame]) -> Frame | None:
        """The next of `frames`; None at their end."""
        async with self._making:
            await anyio.sleep(max(0.0, self._free_at - monotonic()))
            began = monotonic()
            frame = await anext(frames, None)
            took = monotonic() - began
            self._free_at = began + took + min(took * PAUSE, LONGEST_PAUSE)
        return frame


async def _lines(live: Live, asked: FramesQuery, pace: Pace) -> AsyncGenerator[str]:
    until = min(asked.until, following_offset(live))
    if asked.first >= until:
        return
    async with ended(live.backfill(asked.first, until)) as frames:
        while (frame := await pace.next(frames)) is not None:
            yield frame.text + "\n"
