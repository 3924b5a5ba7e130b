"""The native PostgreSQL store: binary COPY, one transaction and one trip to the server a batch.

Its tables are made by `forebay db migrate`, never here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, cast

import asyncpg

from actors.stores import postgres_rows
from actors.stores.base import (
    BatchRange,
    DatabaseWentBackError,
    FlagRow,
    LetterRow,
    OutageError,
    PoisonError,
    Refusal,
    Row,
    StoreError,
)
from actors.stores.bounds import check_step, within_int64
from actors.stores.postgres_checks import rows_that_break_checks
from actors.stores.postgres_connections import Connection, Connections
from actors.stores.postgres_errors import Target, guilty_row
from actors.stores.postgres_rows import CopyEncoder
from actors.stores.precheck import refusals_of
from journal.metric import Offset
from web.ports import AttributeSeen, NameSeen, Series, SeriesQuery, SessionSeen

RUN = 4_096
"""Rows that `rows` and `offsets` hold in memory at a time."""

PIECE = 1_024
"""Rows that are checked or encoded before the event loop gets its turn: one millisecond."""

CAREFUL = 16
"""Batches that are staged after one of which some rows were there: a replay is rarely of one batch."""

QUESTIONS = 2
"""Connections for questions, beside the one that writes: a chart never delays a write."""

SERVER_SHARE = 0.8
"""Of the time-out: then the server gives up, which tells more than silence and keeps the connection."""


class PostgresStore:
    """A HistoryStore in the PostgreSQL database at `dsn` (postgresql://…, read as libpq does, sslmode
    included), kept under `name`; no call lasts much longer than `timeout` seconds."""

    batch = BatchRange(first=1_000, most=16_384)

    def __init__(self, dsn: str, name: str, *, timeout: float = 30.0) -> None:
        self.name = name
        self._dsn = dsn
        self._timeout = timeout
        self._limits = postgres_rows.limits(timeout * SERVER_SHARE)
        self._target = Target(name, dsn)
        self._journal_id = ""
        self._confirmed: Offset | None = None
        self._careful = 0
        self._writing: Connections | None = None
        self._asking: Connections | None = None

    async def open(self, journal_id: str) -> Offset | None:
        """See Store. Makes no tables: DeniedError where they are missing."""
        await self._begin(journal_id)
        self._writing = Connections(self._dsn, self._target, most=1, timeout=self._timeout)
        async with self._writing.one() as connection, self._transaction(connection):
            self._confirmed = await self._cursor(connection)
        return self._confirmed

    async def look(self, journal_id: str) -> Offset | None:
        """See Store. DeniedError where the tables are missing."""
        await self._begin(journal_id)
        async with self._question() as connection:
            return await self._cursor(connection)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        """See Store."""
        if self._writing is None:
            raise self._not_open()
        await self._refuse_poison(rows)
        try:
            async with self._writing.one() as connection:
                await self._write(connection, rows, cursor)
        except PoisonError as error:
            raise await self._accused(error, rows) from error.__cause__
        if cursor is not None:
            self._confirmed = cursor

    async def advance(self, cursor: Offset) -> None:
        """See Store."""
        if self._writing is None:
            raise self._not_open()
        async with self._writing.one() as connection, self._transaction(connection):
            own = self._journal_id, self.name, cursor
            if self._confirmed is None:
                reached = await connection.fetchval(postgres_rows.FIRST_ADVANCE, *own)
            else:
                reached = await connection.fetchval(postgres_rows.ADVANCE, *own, self._confirmed)
                if reached is None:
                    raise DatabaseWentBackError(self.name, self._target.place, self._confirmed)
        self._confirmed = Offset(reached)

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        """See Store."""
        if self._writing is None:
            raise self._not_open()
        async with self._writing.one() as connection, self._transaction(connection):
            for at in range(0, len(letters), PIECE):
                columns = postgres_rows.letters(letters[at : at + PIECE])
                await connection.execute(postgres_rows.MIRROR, self._journal_id, self.name, *columns)

    async def mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        """See Store."""
        if self._writing is None:
            raise self._not_open()
        async with self._writing.one() as connection, self._transaction(connection):
            await connection.execute(postgres_rows.FORGET_FLAGS, self._journal_id)
            if flags:
                await connection.execute(postgres_rows.FLAGS, self._journal_id, *postgres_rows.flags(flags))

    async def maintain(self, keep_days: float | None) -> None:
        """See Store. Days are dropped whole: part of one counts as one."""
        days = None if keep_days is None else max(1, math.ceil(keep_days))
        async with self._question(writes=True) as connection:
            await connection.execute(postgres_rows.MAINTAIN, days)

    async def close(self) -> None:
        """See Store. What is under way is cut off, as by a lost connection."""
        writing, asking = self._writing, self._asking
        self._writing = self._asking = None
        async with contextlib.AsyncExitStack() as stack:
            for connections in (writing, asking):
                if connections is not None:
                    stack.push_async_callback(connections.close)

    async def offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
        """See Store."""
        async for run in self._runs(postgres_rows.OFFSETS, start, until):
            yield [offset for (offset,) in run]

    async def rows(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        """See Store."""
        async for run in self._runs(postgres_rows.ROWS, start, until):
            yield [postgres_rows.row(columns) for columns in run]

    async def series(self, query: SeriesQuery) -> list[Series]:
        """See HistoryStore."""
        check_step(query.step)
        sql = postgres_rows.SERIES
        times = [Decimal(time) for time in (query.start, query.until, query.step)]
        asked: tuple[Any, ...] = (query.name, *times, query.source)
        if query.session is not None or query.attributes:
            sql, asked = postgres_rows.FILTERED, (*asked, query.session, json.dumps(dict(query.attributes)))
        async with self._question() as connection:
            return postgres_rows.series(query.name, await connection.fetch(sql, *asked))

    async def names(self) -> list[NameSeen]:
        """See HistoryStore."""
        async with self._question() as connection:
            return [NameSeen(*columns) for columns in await connection.fetch(postgres_rows.NAMES)]

    async def sessions(self) -> list[SessionSeen]:
        """See HistoryStore."""
        async with self._question() as connection:
            return [SessionSeen(*columns) for columns in await connection.fetch(postgres_rows.SESSIONS)]

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """See HistoryStore."""
        async with self._question() as connection:
            found = await connection.fetch(postgres_rows.ATTRIBUTES, name)
        return [AttributeSeen(key, list(values), count) for key, values, count in found]

    async def _begin(self, journal_id: str) -> None:
        await self.close()
        self._journal_id = journal_id
        self._confirmed = None
        self._careful = 0
        self._asking = Connections(self._dsn, self._target, most=QUESTIONS, timeout=self._timeout)

    async def _refuse_poison(self, rows: Sequence[Row]) -> None:
        refusals: list[Refusal] = []
        for at in range(0, len(rows), PIECE):
            refusals += refusals_of(rows[at : at + PIECE])
            await asyncio.sleep(0)
        if refusals:
            first = refusals[0]
            others = f" (and {len(refusals) - 1} others)" if len(refusals) > 1 else ""
            detail = f"offset {first.offset}: {first.detail}{others}"
            raise PoisonError(self.name, detail, cause=first.cause, refusals=refusals)

    async def _write(self, connection: Connection, rows: Sequence[Row], cursor: Offset | None) -> None:
        if cursor is None:
            if rows:
                await self._store(connection, rows, "")
            return
        if self._confirmed is None:
            moving = postgres_rows.first_cursor(self._journal_id, self.name, cursor)
        else:
            moving = postgres_rows.move_cursor(self._journal_id, self.name, cursor, self._confirmed)
        if not rows:
            status = await connection.execute(self._limits + moving)
        else:
            status = await self._store(connection, rows, moving)
        if self._confirmed is not None and status != postgres_rows.MOVED:
            raise DatabaseWentBackError(self.name, self._target.place, self._confirmed)

    async def _store(self, connection: Connection, rows: Sequence[Row], moving: str) -> str:
        if not self._careful:
            try:
                return await self._copy(connection, postgres_rows.COPY, rows, moving)
            except asyncpg.UniqueViolationError:
                self._careful = CAREFUL
        self._careful -= 1
        return await self._copy(connection, postgres_rows.COPY_MISSING, rows, moving)

    async def _accused(self, error: PoisonError, rows: Sequence[Row]) -> PoisonError:
        """`error` with the refusals of the guilty rows, as far as the server can tell them."""
        if isinstance(error.__cause__, asyncpg.CheckViolationError) and self._writing is not None:
            with contextlib.suppress(StoreError):
                async with self._writing.one() as connection:
                    await connection.execute(f"BEGIN;{self._limits}")
                    refusals = await rows_that_break_checks(connection, self._encoded(rows))
                    await connection.execute("ROLLBACK")
                if refusals:
                    return PoisonError(
                        self.name, error.detail, cause=error.cause, refusals=refusals, code=error.code
                    )
        context = error.__cause__.context if isinstance(error.__cause__, asyncpg.PostgresError) else None
        return guilty_row(error, context or "", rows)

    async def _copy(self, connection: Connection, copy: str, rows: Sequence[Row], moving: str) -> str:
        """What the server says to `moving`, the last of the statements."""
        # The public copy_to_table takes one statement, and three trips to the server for the same.
        send = cast("Callable[..., Awaitable[str]]", connection._copy_in)  # type: ignore[attr-defined]
        return await send(self._limits + copy + moving, self._encoded(rows), None)

    async def _encoded(self, rows: Sequence[Row]) -> AsyncIterator[bytes]:
        """The binary COPY of `rows`, in pieces: the server works on one while the next is encoded."""
        encoder = CopyEncoder(self._journal_id)
        yield postgres_rows.HEADER
        for at in range(0, len(rows), PIECE):
            yield encoder.encode(rows[at : at + PIECE])
            await asyncio.sleep(0)
        yield postgres_rows.TRAILER

    async def _cursor(self, connection: Connection) -> Offset | None:
        found = await connection.fetchval(postgres_rows.CURSOR, self._journal_id, self.name)
        return None if found is None else Offset(found)

    async def _runs(self, sql: str, start: Offset, until: Offset) -> AsyncIterator[list[Any]]:
        """Rows of this journal in `[start, until)`, a page at a time; the first column is the offset."""
        first, last = within_int64(start, until)
        given = 0
        while first <= last:
            async with self._question() as connection:
                run = await connection.fetch(sql, self._journal_id, first, last, RUN + given)
            if fresh := run[given:]:
                yield fresh
            if len(run) < RUN + given:
                return
            # The key of a partitioned table lets an offset be there twice: the next page begins with the last
            # one of this, so that a cut between the two hides neither.
            first = run[-1][0]
            given = sum(row[0] == first for row in run)

    @contextlib.asynccontextmanager
    async def _question(self, *, writes: bool = False) -> AsyncGenerator[Connection]:
        """A connection in a transaction, read only unless `writes`."""
        if self._asking is None:
            raise self._not_open()
        async with self._asking.one() as connection, self._transaction(connection, read_only=not writes):
            yield connection

    @contextlib.asynccontextmanager
    async def _transaction(self, connection: Connection, *, read_only: bool = False) -> AsyncGenerator[None]:
        """A transaction; where it fails, Connections throws the connection away, and it with that."""
        # Never READ WRITE: a project whose disk is full is read-only by that default.
        mode = " READ ONLY" if read_only else ""
        await connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED{mode};{self._limits}")
        yield
        await connection.execute("COMMIT")

    def _not_open(self) -> OutageError:
        return OutageError(self.name, f"{self._target.place}: not open")
