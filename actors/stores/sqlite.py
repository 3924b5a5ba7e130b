"""The embedded store: one SQLite file, one thread that writes and one that answers questions.

The file may be deleted while Forebay is stopped: it is then made anew and filled from the journal.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from actors.stores import sqlite_rows, sqlite_series
from actors.stores.attributes import attributes_of, attributes_seen
from actors.stores.base import BatchRange, DeniedError, FlagRow, LetterRow, OutageError, Row
from actors.stores.bounds import check_step, within_int64
from actors.stores.folds import name_seen, series_of
from actors.stores.sqlite_errors import FAILURES, classify
from actors.stores.sqlite_rows import METRICS, STREAMS
from actors.stores.sqlite_tables import connect_for_reading, connect_for_writing, migrate
from actors.stores.thread import DedicatedThread
from journal.metric import MAX_INT64, Offset
from sql import migrations
from web.ports import LOOKED_AT, AttributeSeen, NameSeen, Series, SeriesQuery, SessionSeen

BEST_BATCH = 16_384
"""Rows a transaction at which a backlog drains best: 298 k rows/s against 239 k at 10,000; beside an event
loop that computes without a pause, at a switch interval of 0.5 ms, 210 k against 162 k (one quiet run on two
cores; tests/bench/bench_store.py). Two of the largest statements, exactly."""

RUN = 4_096
"""Rows that `rows` and `offsets` hold in memory at a time."""

T = TypeVar("T")
Question = Callable[[sqlite3.Connection], T]


class ReplacedDatabaseError(DeniedError):
    """The database no longer holds what it confirmed: its file was replaced, or an older copy put back."""

    def __init__(self, store: str, path: str, confirmed: int, found: int | None) -> None:
        self.confirmed = confirmed
        self.found = found
        held = "nothing" if found is None else f"the metrics before offset {found} only"
        super().__init__(
            store,
            f"{path} had confirmed every metric before offset {confirmed} and now holds {held}: it was "
            "replaced while in use; restart Forebay, which fills it from the journal",
        )


class SqliteStore:
    """A HistoryStore in the SQLite database at `path`, made where there is none."""

    batch = BatchRange(BEST_BATCH, BEST_BATCH)

    def __init__(self, path: str, name: str = "sqlite") -> None:
        self.name = name
        self.path = os.path.abspath(path)
        self._journal_id = ""
        self._confirmed: Offset | None = None
        self._identity: tuple[int, int] | None = None
        self._threads: tuple[DedicatedThread, DedicatedThread] | None = None
        # Each connection is used by its own thread alone, but for `interrupt`.
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    async def open(self, journal_id: str) -> Offset | None:
        """See Store. Raises NewerSchemaError for a database that a newer Forebay has made."""
        await self.close()
        self._journal_id = journal_id
        writing, reading = DedicatedThread(f"{self.name}-write"), DedicatedThread(f"{self.name}-read")
        try:
            cursor = await writing.call(lambda: self._guard(self._open))
        except BaseException:
            writing.stop()
            reading.stop()
            raise
        self._threads = writing, reading
        return cursor

    async def look(self, journal_id: str) -> Offset | None:
        """See Store. Raises DeniedError for a database without our tables."""
        await self.close()
        self._journal_id = journal_id
        if self._identify() is None:
            return None
        self._threads = DedicatedThread(f"{self.name}-write"), DedicatedThread(f"{self.name}-read")
        return await self._ask(self._cursor)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        """See Store. A transaction that has begun is finished by its thread even if this is cancelled."""
        await self._change(lambda: self._write(rows, cursor))

    async def advance(self, cursor: Offset) -> None:
        """See Store."""
        await self._change(lambda: self._advance(cursor))

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        """See Store."""
        await self._change(lambda: self._mirror(letters))

    async def mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        """See Store."""
        await self._change(lambda: self._mirror_flags(flags))

    async def maintain(self, keep_days: float | None) -> None:
        """See Store. There is nothing to do: the file is the user's to prune."""

    async def close(self) -> None:
        """See Store. A transaction under way is finished, a question under way is cut short."""
        if self._threads is None:
            return
        (writing, reading), self._threads = self._threads, None
        if (reader := self._reader) is not None:
            reader.interrupt()
        try:
            await reading.call(self._close_reader)
            await writing.call(self._close_writer)
        finally:
            reading.stop()
            writing.stop()

    async def offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
        """See Store."""
        async for run in self._runs('"offset"', start, until):
            yield [offset for (offset,) in run]

    async def rows(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        """See Store."""
        async for run in self._runs(sqlite_rows.COLUMNS, start, until):
            yield self._guard(lambda run=run: [sqlite_rows.row(columns) for columns in run])

    async def series(self, query: SeriesQuery) -> list[Series]:
        """See HistoryStore."""
        check_step(query.step)
        first, last = within_int64(query.start, query.until)
        sql, asked = sqlite_series.series(query.session, query.attributes)
        asked |= {
            "name": query.name,
            "first": first,
            "last": last,
            "step": query.step if query.step <= MAX_INT64 else None,
            "source": query.source,
        }

        def answer(connection: sqlite3.Connection) -> list[Series]:
            units: dict[str, str] = {
                of: unit for of, unit, _ in connection.execute(sqlite_rows.UNITS, (query.name,))
            }
            return series_of(query.name, query.step, units, connection.execute(sql, asked))

        return [] if last < first else await self._ask(answer)

    async def names(self) -> list[NameSeen]:
        """See HistoryStore."""
        return await self._ask(lambda connection: name_seen(connection.execute(sqlite_rows.NAMES)))

    async def sessions(self) -> list[SessionSeen]:
        """See HistoryStore."""
        return await self._ask(
            lambda connection: [SessionSeen(*columns) for columns in connection.execute(sqlite_rows.SESSIONS)]
        )

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """See HistoryStore."""
        asked = name, LOOKED_AT

        def answer(connection: sqlite3.Connection) -> list[AttributeSeen]:
            found = connection.execute(sqlite_rows.LATEST_ATTRIBUTES, asked)
            return attributes_seen((attributes_of(text), count) for text, count in found)

        return await self._ask(answer)

    async def _runs(self, columns: str, start: Offset, until: Offset) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Rows of this journal in `[start, until)`, a page at a time; the first column is the offset."""
        sql = (
            f'SELECT {columns} FROM metrics WHERE journal_id = ? AND "offset" BETWEEN ? AND ?'
            f' ORDER BY "offset" LIMIT {RUN}'
        )
        first, last = within_int64(start, until)
        while first <= last:
            page = (self._journal_id, first, last)
            run = await self._ask(lambda connection, page=page: connection.execute(sql, page).fetchall())
            if run:
                yield run
            if len(run) < RUN:
                return
            first = run[-1][0] + 1

    async def _change(self, work: Callable[[], None]) -> None:
        """Have the writing thread do `work`."""
        if self._threads is None:
            raise OutageError(self.name, f"{self.path}: not open")
        await self._threads[0].call(lambda: self._guard(work))

    async def _ask(self, question: Question[T]) -> T:
        """The answer to `question` from the reading thread; cancelling it cuts it short."""
        if self._threads is None:
            raise OutageError(self.name, f"{self.path}: not open")

        def answer() -> T:
            if self._reader is None:
                self._reader = connect_for_reading(self.path)
            try:
                return question(self._reader)
            except sqlite3.DatabaseError:
                self._close_reader()
                raise

        def interrupt() -> None:
            if (reader := self._reader) is not None:
                reader.interrupt()

        return await self._threads[1].call(lambda: self._guard(answer), interrupt)

    def _guard(self, work: Callable[[], T]) -> T:
        """What `work` returns; what goes wrong in it is raised as a StoreError, but for our own mistakes."""
        try:
            return work()
        except FAILURES as error:
            raise classify(self.name, self.path, error) from error

    # What follows runs on the writing thread, but for _close_reader, which runs on the reading one.

    def _open(self) -> Offset | None:
        self._close_writer()
        connection = self._connect()
        self._confirmed = self._cursor(connection)
        return self._confirmed

    def _connect(self) -> sqlite3.Connection:
        connection = self._writer = connect_for_writing(self.path)
        try:
            migrate(connection, self.name, self.path, migrations("sqlite"))
            self._identity = self._identify()
        except Exception:
            self._close_writer()
            raise
        return connection

    def _in_place(self) -> sqlite3.Connection:
        """The connection that writes, to the file that is at the path now."""
        if self._writer is not None and self._identify() != self._identity:
            # SQLite would go on into the deleted file, and say that it is stored.
            self._close_writer()
            raise OutageError(self.name, f"{self.path}: the file was moved or deleted while in use")
        return self._writer or self._connect()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """The connection that writes, in a transaction: all that the block does, or nothing."""
        connection = self._in_place()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except Exception as error:
            self._abandon(connection, error)
            raise

    def _write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        batch = sqlite_rows.batch(rows)
        with self._transaction() as connection:
            if self._overlaps(connection, rows):
                stored = self._stored(connection, rows[0].offset, rows[-1].offset)
                batch = sqlite_rows.batch([row for row in rows if row.offset not in stored])
            limit = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
            for insert in sqlite_rows.inserts(METRICS, [self._journal_id], batch.metrics, limit):
                connection.execute(*insert)
            for insert in sqlite_rows.inserts(STREAMS, [], batch.streams, limit):
                connection.execute(*insert)
            if cursor is not None:
                connection.execute(sqlite_rows.MOVE_CURSOR, (self._journal_id, self.name, cursor))
        if cursor is not None:
            self._confirmed = cursor

    def _advance(self, cursor: Offset) -> None:
        with self._transaction() as connection:
            self._overlaps(connection, [])
            connection.execute(sqlite_rows.ADVANCE_CURSOR, (self._journal_id, self.name, cursor))
            self._confirmed = self._cursor(connection)

    def _mirror(self, letters: Sequence[LetterRow]) -> None:
        with self._transaction() as connection:
            connection.executemany(
                sqlite_rows.LETTER,
                [sqlite_rows.letter(self._journal_id, self.name, each) for each in letters],
            )

    def _mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM feature_flags WHERE journal_id = ?", (self._journal_id,))
            rows = [sqlite_rows.flag(self._journal_id, each) for each in flags]
            connection.executemany(sqlite_rows.FLAG, rows)

    def _stored(self, connection: sqlite3.Connection, first: Offset, last: Offset) -> set[int]:
        """The offsets in `[first, last]` that are there: streams must count each metric once."""
        found = connection.execute(
            'SELECT "offset" FROM metrics WHERE journal_id = ? AND "offset" BETWEEN ? AND ?',
            (self._journal_id, first, last),
        )
        return {offset for (offset,) in found}

    def _cursor(self, connection: sqlite3.Connection) -> Offset | None:
        found = connection.execute(
            'SELECT "offset" FROM cursors WHERE journal_id = ? AND store = ?', (self._journal_id, self.name)
        ).fetchone()
        return None if found is None else found[0]

    def _overlaps(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> bool:
        """Whether some of `rows` may be there. Raises ReplacedDatabaseError where the cursor went back."""
        first, last = (rows[0].offset, rows[-1].offset) if rows else (0, -1)
        asked = (self._journal_id, self.name, self._journal_id, first, last)
        found, overlaps = connection.execute(sqlite_rows.BEFORE, asked).fetchone()
        if self._confirmed is not None and (found is None or found < self._confirmed):
            raise ReplacedDatabaseError(self.name, self.path, self._confirmed, found)
        return bool(overlaps)

    def _identify(self) -> tuple[int, int] | None:
        """Which file is at the path; None if there is none."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _abandon(self, connection: sqlite3.Connection, error: Exception) -> None:
        """Roll back; after an outage, the next write connects anew."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not isinstance(error, FAILURES) or isinstance(
                classify(self.name, self.path, error), OutageError
            ):
                self._close_writer()
        except sqlite3.Error:
            # Closing rolls back as well, and so does recovery of the write-ahead log.
            self._close_writer()

    def _close_writer(self) -> None:
        if (connection := self._writer) is not None:
            self._writer = None
            connection.close()

    def _close_reader(self) -> None:
        if (connection := self._reader) is not None:
            self._reader = None
            connection.close()
