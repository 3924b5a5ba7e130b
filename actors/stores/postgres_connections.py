"""Connections to a PostgreSQL server: made when needed, thrown away when in doubt."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TypeAlias

import asyncpg

from actors.stores.base import DeniedError, OutageError
from actors.stores.postgres_errors import FAILURES, Target, classify

CONNECT_WITHIN = 10.0
"""Seconds that a connection may take to be made, name lookup, TLS and password included."""

CLOSE_WITHIN = 1.0
"""Seconds that a server has to take note of a goodbye."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Connections:
    """At most `most` connections to the database at `dsn`, each for one user at a time.

    What goes wrong with one, time-outs and cancellation included, ends it at once: the server rolls back what
    it was doing, and the next user has a new one.
    """

    def __init__(self, dsn: str, target: Target, *, most: int, timeout: float) -> None:
        self._dsn = dsn
        self._target = target
        self._timeout = timeout
        self._slots = asyncio.Semaphore(most)
        self._idle: list[Connection] = []
        self._used: set[Connection] = set()
        self._closed = False

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncGenerator[Connection]:
        """A connection within the block, which lasts `timeout` at most, after as long for a free one and
        CONNECT_WITHIN for a new one.

        What FAILURES are raised come out as StoreErrors: OutageError after `close` and for time-outs.
        """
        async with self._slot():
            connection = await self._take()
            try:
                async with asyncio.timeout(self._timeout):
                    yield connection
            except FAILURES as error:
                classified = classify(self._target, error)
                # Elsewhere, or as somebody else, it may be better: a failover, a right that was granted.
                if not isinstance(classified, OutageError | DeniedError):
                    self._give_back(connection)
                raise classified from error
            else:
                self._give_back(connection)
            finally:
                self._end_if_used(connection)

    async def close(self) -> None:
        """End all connections, those in use without regard. Takes CLOSE_WITHIN a connection at most."""
        self._closed = True
        for connection in self._used:
            connection.terminate()
        idle, self._idle = self._idle, []
        try:
            for connection in idle:
                with contextlib.suppress(*FAILURES):
                    await connection.close(timeout=CLOSE_WITHIN)
        finally:
            for connection in idle:
                connection.terminate()

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                await self._slots.acquire()
        except TimeoutError as error:
            raise OutageError(
                self._target.store, f"{self._target.place}: what was asked before has no answer yet"
            ) from error
        try:
            yield
        finally:
            self._slots.release()

    async def _take(self) -> Connection:
        if self._closed:
            raise OutageError(self._target.store, f"{self._target.place}: not open")
        connection: Connection | None = None
        while self._idle and (connection is None or connection.is_closed()):
            connection = self._idle.pop()
        if connection is None or connection.is_closed():
            connection = await self._connect()
        self._used.add(connection)
        return connection

    def _give_back(self, connection: Connection) -> None:
        if not (self._closed or connection.is_closed() or connection.is_in_transaction()):
            self._used.discard(connection)
            self._idle.append(connection)

    def _end_if_used(self, connection: Connection) -> None:
        if connection in self._used:
            self._used.discard(connection)
            connection.terminate()

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                # No prepared statements: behind a pooler the next transaction may be another server's.
                return await asyncpg.connect(
                    self._dsn,
                    timeout=CONNECT_WITHIN,
                    statement_cache_size=0,
                    server_settings={"application_name": "forebay"},
                )
        except TimeoutError as error:
            raise OutageError(
                self._target.store, f"{self._target.place}: no connection within {CONNECT_WITHIN:g} s"
            ) from error
        except FAILURES as error:
            raise classify(self._target, error) from error
