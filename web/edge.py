"""What all connections of one server share: settings, credentials, counts, and a slow clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from web.auth import Gate
from web.hosts import Hosts
from web.ports import EdgeSettings, Ingest
from web.responses import Responses


class Connection(Protocol):
    """A connection, as the sweep sees it."""

    def check(self, tick: int) -> None:
        """End what has taken too long by second `tick`."""
        ...


class Edge:
    """Shared state of the connections.

    Time-outs are kept by one sweep a second over all connections instead of a timer in each: a request
    then reads no clock and arms no timer.
    """

    def __init__(self, ingest: Ingest, settings: EdgeSettings, now: Callable[[], float]) -> None:
        self.offer = ingest.offer
        self.max_body = settings.max_body
        self.max_in_flight = settings.max_in_flight
        self.now = now
        """Seconds since the epoch."""
        self.gate = Gate(settings.token)
        self.hosts = Hosts(settings.hosts)
        self.connect = settings.connect
        self.max_connections = settings.max_connections
        self.responses = Responses()
        self.in_flight = 0
        """Bytes of bodies taken in, wholly or in part, and not yet answered."""
        self.answers: Counter[int] = Counter()
        """Answers to `POST /api/metrics` by status, 202 apart."""
        self.accepted_requests = 0
        self.tick = 0
        self.connections: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    def join(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Have `connection` checked every second until it leaves."""
        self.connections.add(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(1.0, self._sweep, loop)

    def leave(self, connection: Connection) -> None:
        """Check `connection` no more."""
        self.connections.discard(connection)
        if not self.connections and self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = loop.call_later(1.0, self._sweep, loop)
        self.tick += 1
        for connection in tuple(self.connections):
            connection.check(self.tick)
