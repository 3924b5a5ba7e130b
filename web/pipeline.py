"""Answers in the order of the requests, whoever gives them.

uvicorn's httptools protocol, with one queue of turns in place of its own pipeline: some turns are answered
with ready bytes, the others by the ASGI application, which writes for itself when its turn has come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from web.edge import Edge
from web.ports import Accepted
from web.problems import ProblemDetails
from web.responses import CONTINUE
from web.turns import AsgiTurn, IngestTurn

MAX_TURNS = 64
"""Unanswered requests of one connection above which it is read no further."""


class TurnTaking(HttpToolsProtocol):
    """The writing half of a connection."""

    edge: Edge
    """Set by `web.protocol.protocol_for`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.turns: deque[IngestTurn | AsgiTurn] = deque()
        self._deaf = False  # whatever comes now is thrown away
        self._lost = False
        self._lingering = False  # the last response is written; what still comes is thrown away
        self._lingering_since = 0
        self._since = 0  # tick at which the present wait began

    def pause_writing(self) -> None:
        """The client does not read its answers: read no more of its requests."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._read_on()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.turns.append(AsgiTurn(cycle, app))
        self._advance()

    def on_response_complete(self) -> None:
        """The ASGI application has written its whole response."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self._advance()

    def respond_accepted(self, receipt: Accepted, *, close: bool) -> bytes:
        """The bytes of a 202."""
        return self.edge.responses.accepted(receipt, self.server_state.default_headers, close=close)

    def respond_with(self, details: ProblemDetails, *, close: bool) -> bytes:
        """The bytes of a refusal."""
        return self.edge.responses.refused(details, self.server_state.default_headers, close=close)

    def settled(self, turn: IngestTurn) -> None:
        """`turn` has its response: write it if all before it are written."""
        turns = self.turns
        if len(turns) == 1 and turns[0] is turn and not turn.close and not self.flow.read_paused:
            turns.popleft()
            self._since = self.edge.tick
            self.transport.write(cast(bytes, turn.response))
        elif turns and turns[0] is turn:
            self._advance()

    def _advance(self) -> None:
        """Write every response whose turn has come, in one write, and start the application on its own."""
        turns = self.turns
        ready: list[bytes] = []
        last: IngestTurn | None = None
        while turns and last is None:
            turn = turns[0]
            if isinstance(turn, AsgiTurn):
                if turn.cycle.response_complete:
                    turns.popleft()
                    continue
                if not turn.started:
                    turn.started = True
                    self._write(ready)
                    super()._start_asgi_task(turn.cycle, turn.app)
                break
            if turn.response is None:
                if turn.wants_continue:
                    turn.wants_continue = False
                    ready.append(CONTINUE)
                break
            ready.append(turn.response)
            turns.popleft()
            if turn.close:
                last = turn
        self._write(ready)
        self._since = self.edge.tick
        if last is not None:
            self._hang_up(unread=last.unread)
        else:
            self._read_on()

    def _write(self, ready: list[bytes]) -> None:
        if ready and not self.transport.is_closing():
            self.transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        ready.clear()

    def _read_on(self) -> None:
        flow = self.flow
        if flow.read_paused and not flow.write_paused and len(self.turns) < MAX_TURNS // 2:
            if self._lost or self.transport.is_closing():
                return
            flow.resume_reading()

    def _hear_no_more(self) -> None:
        """End the connection after the answers that are owed."""
        self._deaf = True
        last = self.turns[-1]
        if isinstance(last, AsgiTurn):
            last.cycle.keep_alive = False
        else:
            last.close = True

    def _hang_up(self, *, unread: bool) -> None:
        """Close so that the client can read the last response.

        Closing with unread input would reset the connection, and the response could be lost with it
        (RFC 9112, 9.6): say that no more comes, and throw away what the client still sends.
        """
        self._deaf = True
        if self.transport.is_closing():
            return
        if unread:
            self._lingering = True
            self._lingering_since = self.edge.tick
            self.flow.resume_reading()
            self.transport.write_eof()
        else:
            self.transport.close()
