"""HTTP/1.1 on uvicorn's connections, with `POST /api/metrics` answered without ASGI.

A subclass of uvicorn's httptools protocol. Requests for the ingest path skip the ASGI scope, the task and
the event loop's turn that each of them would cost; everything else goes to the application on the same
port. It leans on uvicorn's internals, so pyproject pins the minor version.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from web.admission import Plan, admit, too_large, too_many
from web.edge import Edge
from web.pipeline import MAX_TURNS, TurnTaking
from web.ports import Refused
from web.problems import ProblemDetails, of_receiver, of_refusal, problem
from web.receivers.errors import ReceiverError
from web.turns import AsgiTurn, IngestTurn

INGEST_PATH = b"/api/metrics"
_INGEST_QUERY = INGEST_PATH + b"?"

MAX_HEAD = 64 * 1024
"""Bytes of a request's head, give or take one read."""
DRAINED = 1024 * 1024
"""A refused body up to this size is read to its end, and the connection lives on."""
MAX_DISCARDED = 64 * 1024 * 1024
REQUEST_TIMEOUT = 30
"""Seconds for a request to arrive, and one more for each SLOWEST bytes of its body."""
SLOWEST = 16 * 1024
STOPPING_TIMEOUT = 3
"""Seconds for a request to arrive once the server is shutting down."""
LINGER = 5
"""Seconds of silence, after a response to a body that is still coming, before the connection is cut."""
MAX_LINGER = 60
"""Seconds after which it is cut although the client still sends."""
CLOSE_TIMEOUT = 30
"""Seconds for the client to take the last response of a connection that is closed."""

REFUSED_AT_ONCE = 64
"""Connections beyond the limit that are told so; further ones are cut."""

logger = logging.getLogger("web.protocol")
_BUSY = of_refusal(Refused("busy", "too many bytes are in flight; send again a little later"))


class IngestProtocol(TurnTaking):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._turn: IngestTurn | None = None  # being read
        self._passing = False  # what is being read goes to ASGI
        self._reading = False  # a request has begun and is not complete
        self._head_open = False  # ... not even its head
        self._partial = 0  # bytes of it, not counting a read in which another was completed
        self._read = 0  # bytes of the present read that count for it
        self._stopping = False
        self._discarded = 0
        self._ending = False  # the transport closes once everything is written

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._since = self.edge.tick
        self.edge.join(self, self.loop)
        open_now = len(self.connections)
        if open_now > self.edge.max_connections + REFUSED_AT_ONCE:
            transport.abort()
        elif open_now > self.edge.max_connections:
            self._give_up(too_many(self.edge.max_connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone; receipts that are still out find nobody to tell."""
        self._lost = self._deaf = True
        self.edge.leave(self)
        for turn in self.turns:
            if isinstance(turn, AsgiTurn):
                turn.cycle.disconnected = True
                turn.cycle.message_event.set()
        self.turns.clear()
        if self._turn is not None:
            self._turn.release()
            self._turn = None
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client will send no more; it still gets the answers to what it sent."""
        if self._lingering or not self.turns or self._reading:
            return None
        self._hear_no_more()
        for turn in tuple(self.turns):
            if isinstance(turn, AsgiTurn):
                turn.client_ended()
        return True

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._deaf:
            self._discarded += len(data)
            if self._lingering:
                self._since = self.edge.tick
            if self._discarded > MAX_DISCARDED:
                self.flow.pause_reading()
            return
        self._read = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[cast(int, upgrade.args[0]) :])
        except httptools.HttpParserError as error:
            self._malformed(error)
        if self._reading:
            self._partial += self._read
            if self._head_open and self._partial > MAX_HEAD:
                self._give_up(problem(431, f"the head of a request may have {MAX_HEAD} bytes"))
            elif self._partial > 8 * self.edge.max_body + DRAINED:
                self._give_up(too_large(self.edge.max_body))

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url = b""
        self.headers = []
        self._reading = self._head_open = not self._deaf
        self._partial = 0
        self._since = self.edge.tick

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head, its name as sent."""
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide by the head alone who answers, and whether the body is worth reading."""
        self._head_open = False
        parser = self.parser
        if self._deaf or parser.should_upgrade():
            return
        if parser.get_method() == b"POST" and self._is_ingest():
            self._begin_ingest()
        else:
            self._begin_asgi()
        if len(self.turns) >= MAX_TURNS:
            self.flow.pause_reading()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        turn = self._turn
        if turn is None:
            if self._passing:
                super().on_body(body)
            return
        edge = self.edge
        size = len(body)
        turn.size += size
        edge.in_flight += size
        if turn.size > edge.max_body:
            self._refuse_unread(turn, too_large(edge.max_body), close=True)
        elif edge.in_flight > edge.max_in_flight:
            self._refuse_unread(turn, _BUSY, close=True)
        else:
            turn.take(body)

    def on_message_complete(self) -> None:
        """The request is whole: decode it and hand it over."""
        self._reading = False
        self._read = 0  # most of it was this one's, and not the next one's
        turn = self._turn
        if turn is None:
            if self._passing:
                self._passing = False
                if not self.cycle.keep_alive:
                    self._deaf = True
                super().on_message_complete()
            return
        turn.wants_continue = False
        if turn.close:
            self._deaf = True
        plan = cast(Plan, turn.plan)
        try:
            metrics, sent = turn.metrics(plan)
        except ReceiverError as error:
            turn.refuse(of_receiver(error))
        else:
            self.edge.offer(metrics, plan.key, turn.receive, sent)
        self._turn = None  # only now: whatever else is raised here is answered in this turn, with 500

    # Taking turns

    def _is_ingest(self) -> bool:
        url = self.url
        if url == INGEST_PATH or url.startswith(_INGEST_QUERY):
            return True
        if b"%" not in url and url.startswith(b"/"):
            return False
        return unquote_to_bytes(httptools.parse_url(url).path or b"") == INGEST_PATH

    def _begin_ingest(self) -> None:
        fields = {name.lower(): value for name, value in self.headers}
        keep_alive = self.parser.should_keep_alive() and not self._stopping
        if keep_alive and b"connection" in fields and self.parser.get_http_version() == "1.0":
            keep_alive = False
        turn = IngestTurn(self, close=not keep_alive)
        self.turns.append(turn)
        edge = self.edge
        plan = admit(fields, edge.gate, edge.hosts, edge.max_body, edge.now)
        expects = b"expect" in fields and fields[b"expect"].lower() == b"100-continue"
        if isinstance(plan, ProblemDetails):
            is_short = b"transfer-encoding" not in fields and int(fields.get(b"content-length", 0)) <= DRAINED
            self._refuse_unread(turn, plan, close=turn.close or expects or not is_short)
            return
        turn.plan = plan
        self._turn = turn
        if expects:
            turn.wants_continue = True
            self._advance()

    def _begin_asgi(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        self.cycle = cast(RequestResponseCycle, None)  # else uvicorn queues it on its own
        self._passing = True
        super().on_headers_complete()
        if self._stopping:
            self.cycle.keep_alive = False

    # Endings

    def _refuse_unread(self, turn: IngestTurn, details: ProblemDetails, *, close: bool) -> None:
        """Refuse a request whose body is still coming: the rest of it is thrown away."""
        self._turn = None
        turn.close = turn.unread = close
        if close:
            self._deaf = True
        turn.refuse(details)

    def _give_up(self, details: ProblemDetails) -> None:
        """End a connection on which no further request can be made out, after the answers it is owed."""
        if self._deaf:
            return
        if self._passing:
            self._deaf = True
            self.transport.close()
            return
        turn = self._turn
        if turn is None:
            turn = IngestTurn(self, close=True)
            self.turns.append(turn)
        self._reading = False
        self._refuse_unread(turn, details, close=True)

    def _malformed(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
            cause, httptools.HttpParserError | None
        ):
            logger.error("a request could not be handled", exc_info=cause)
            self._give_up(problem(500, "the request could not be handled; the server's log says why"))
        else:
            self._give_up(problem(400, f"the request is not valid HTTP/1.1 ({error})"))

    def _upgrade(self, rest: bytes) -> None:
        """To a WebSocket; any other upgrade is ignored (RFC 9110, 7.8), which the parser cannot do."""
        self._reading = False
        if self._deaf:
            return
        self.headers = [(name.lower(), value) for name, value in self.headers]
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._give_up(problem(501, "this is no proxy"))
        elif method == b"GET" and self._should_upgrade():
            if self.turns:
                self._give_up(problem(400, "a WebSocket needs a connection of its own"))
                return
            url, headers = self.url, self.headers
            super().on_message_begin()
            self.url = url
            self.scope["method"] = "GET"
            self.scope["headers"] = headers
            self.edge.leave(self)
            self.handle_websocket_upgrade()
        else:
            head = [b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode())]
            for name, value in self.headers:
                if name == b"connection":
                    value = b"close" if b"close" in value.lower() else b"keep-alive"
                if name not in (b"upgrade", b"http2-settings"):
                    head.append(b"%b: %b\r\n" % (name, value))
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.data_received(b"".join([*head, b"\r\n", rest]))

    def shutdown(self) -> None:
        """Answer what has been asked, then close: called once by the server when it stops."""
        self._stopping = True
        if self.turns:
            if self._reading:
                self._turn_to_last()
            else:
                self._hear_no_more()
        elif not self._reading:
            self._deaf = True
            self.transport.close()

    def _turn_to_last(self) -> None:
        if self._turn is not None:
            self._turn.close = True
        elif self._passing:
            self.cycle.keep_alive = False

    def check(self, tick: int) -> None:
        """End what has taken too long by second `tick`."""
        if self.transport.is_closing() and not self._ending:
            self._ending = True
            self._since = tick
        waited = tick - self._since
        if self._ending:
            if waited > CLOSE_TIMEOUT:
                self.transport.abort()
        elif self._lingering:
            if waited > LINGER or tick - self._lingering_since > MAX_LINGER:
                self.transport.abort()
        elif self._reading and not self._deaf:
            if self.flow.read_paused:
                self._since = tick  # it is us who do not read
                return
            limit = STOPPING_TIMEOUT if self._stopping else REQUEST_TIMEOUT
            if waited > limit + self._partial // SLOWEST:
                self._give_up(problem(408, f"the request did not arrive within {limit} seconds"))
        elif not self.turns and waited > self.timeout_keep_alive:
            self._deaf = True
            self._since = tick
            self.transport.close()


def protocol_for(edge: Edge) -> type[IngestProtocol]:
    """The protocol class for the connections of one server."""
    return type("BoundIngestProtocol", (IngestProtocol,), {"edge": edge})
