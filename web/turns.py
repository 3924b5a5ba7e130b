"""The requests of one connection that wait for their answers, in the order they came.

HTTP/1.1 answers in the order of the requests (RFC 9112, 9.3.2), and a connection may carry requests for
the ingest path and for the ASGI application in any mixture: each is a turn in one queue.
"""

from __future__ import annotations

from typing import Any, Protocol

from journal.metric import Metric
from web.admission import Plan
from web.edge import Edge
from web.ports import Accepted, Receipt
from web.problems import ProblemDetails, of_refusal
from web.receivers.errors import EMPTY, ReceiverError

CLIENT_ENDED = "forebay.client_ended"
"""Key of the ASGI scope under which an application may put what is to be called when the client has sent its
last; for work that is worth nothing to a client that has gone."""


class Line(Protocol):
    """The connection, as a turn sees it."""

    edge: Edge

    def settled(self, turn: IngestTurn) -> None:
        """`turn` has its response: write it if all before it are written."""
        ...

    def respond_with(self, details: ProblemDetails, *, close: bool) -> bytes:
        """The bytes of a refusal."""
        ...

    def respond_accepted(self, receipt: Accepted, *, close: bool) -> bytes:
        """The bytes of a 202."""
        ...


class IngestTurn:
    """A request for the ingest path, or one that could not even be parsed: answered without ASGI."""

    __slots__ = ("body", "close", "line", "plan", "response", "size", "unread", "wants_continue")

    def __init__(self, line: Line, *, close: bool) -> None:
        self.line = line
        self.close = close
        """End the connection after the response."""
        self.unread = False
        """The client may still be sending what nobody will read."""
        self.plan: Plan | None = None
        self.body: bytes | bytearray = b""
        self.size = 0
        """What this request adds to `Edge.in_flight`."""
        self.wants_continue = False
        self.response: bytes | None = None

    def take(self, chunk: bytes) -> None:
        """Add `chunk` to the body."""
        body = self.body
        if not body:
            self.body = chunk
        elif isinstance(body, bytearray):
            body += chunk
        else:
            self.body = bytearray(body) + chunk

    def metrics(self, plan: Plan) -> tuple[list[Metric], bytes]:
        """What the whole body says, by `plan`; see admission.Receive. Raises ReceiverError."""
        body = self.body
        self.body = b""
        if not body:
            raise ReceiverError(EMPTY)
        if isinstance(body, bytearray):
            body = bytes(body)
        if plan.decompress is not None:
            edge = self.line.edge
            body = plan.decompress(body, edge.max_body)
            self.size += len(body)
            edge.in_flight += len(body)
        return plan.receive(body)

    def release(self) -> None:
        """Give back what this request holds of the bytes in flight."""
        self.line.edge.in_flight -= self.size
        self.size = 0
        self.body = b""

    def receive(self, receipt: Receipt) -> None:
        """Answer by `receipt`. Called once, at any time, also after the client has gone."""
        line = self.line
        edge = line.edge
        edge.in_flight -= self.size
        self.size = 0
        if isinstance(receipt, Accepted):
            edge.accepted_requests += 1
            self.response = line.respond_accepted(receipt, close=self.close)
            line.settled(self)
        else:
            self.refuse(of_refusal(receipt))

    def refuse(self, details: ProblemDetails) -> None:
        """Answer with `details`; nothing of the request is taken."""
        self.release()
        line = self.line
        line.edge.answers[details.status] += 1
        self.response = line.respond_with(details, close=self.close)
        line.settled(self)


class AsgiTurn:
    """A request for the ASGI application: it starts when all before it are answered, and writes by itself."""

    __slots__ = ("app", "cycle", "started")

    def __init__(self, cycle: Any, app: Any) -> None:
        self.cycle = cycle
        self.app = app
        self.started = False

    def client_ended(self) -> None:
        """Tell the application, where it has asked for that, that the client will send no more.

        It may still read, or have gone: the two look alike until something is written to it.
        """
        told = self.cycle.scope.get(CLIENT_ENDED)
        if told is not None:
            told()
