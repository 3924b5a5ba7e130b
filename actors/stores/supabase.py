"""A store in a Supabase project, through PostgREST.

PostgREST makes a transaction of each request, and so rows and cursor cannot share one; a function that took
both would halve the speed. Rows go first, and the cursor follows: while batches come at most CURSOR_EVERY
behind, and never ahead. What a crash leaves between the two is sent again, and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from actors.stores import supabase_rows
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
from actors.stores.precheck import refusals_of
from actors.stores.supabase_key import check_key
from actors.stores.supabase_rows import CURSORS, FLAGS, LETTERS, METRICS
from journal.metric import Offset
from web.ports import AttributeSeen, NameSeen, Series, SeriesQuery, SessionSeen

if TYPE_CHECKING:
    from actors.stores.supabase_client import SupabaseClient

BATCH = BatchRange(1_000, 10_000)
"""Rows/s by rows a call: 12 k at 100, 15 k at 1,000, 28 k at 5,000, 30 k at 10,000, all on two busy cores
(tests/bench/bench_supabase.py). A small project's statement time-out may want fewer: the policy finds out."""

CURSOR_EVERY = 1.0
"""Seconds between two writes of a moving cursor; `maintain`, `close` and an empty batch write it at once."""

CLOSE_WITHIN = 1.0
"""Seconds that closing waits for the cursor: without it, some rows are sent again."""

PIECE = 512
"""Rows that are checked and encoded before the event loop gets its turn: one millisecond."""

PAGE = 1_000
"""Rows that are asked for at a time: more than a hosted project gives by default."""


class SupabaseStore:
    """A HistoryStore in the Supabase project at `url`, whose tables `forebay db migrate` has made.

    `timeout` bounds each call, in seconds. When the time is up the statement goes on, and may commit later:
    sending the same rows again makes no double.
    """

    batch = BATCH

    def __init__(
        self, url: str, service_role_key: str, name: str = "supabase", *, timeout: float = 30.0
    ) -> None:
        self.name = name
        self._url = url
        self._key = service_role_key
        self._timeout = timeout
        self._journal_id = ""
        self._client: SupabaseClient | None = None
        self._reached: Offset | None = None
        """What the cursor would be, were it written with every batch."""
        self._noted: Offset | None = None
        """What it is."""
        self._noted_at = 0.0

    async def open(self, journal_id: str) -> Offset | None:
        """See Store. Makes no tables. Raises WrongKeyError for a key that cannot be the service role's."""
        await self.close()
        check_key(self.name, self._key)
        module = await asyncio.to_thread(import_module, "actors.stores.supabase_client")
        client: SupabaseClient = await module.connect(self.name, self._url, self._key, self._timeout)
        try:
            self._noted = self._reached = await self._cursor(client, journal_id)
        except BaseException:
            await client.close()
            raise
        self._journal_id, self._client = journal_id, client
        self._noted_at = time.monotonic()
        return self._reached

    async def look(self, journal_id: str) -> Offset | None:
        """See Store."""
        return await self.open(journal_id)

    async def write(self, rows: Sequence[Row], cursor: Offset | None) -> None:
        """See Store. The rows are one transaction; the cursor follows in another, now or a little later."""
        client = self._opened()
        body = await self._encoded(rows)
        if rows:
            await client.upsert(
                METRICS, body, supabase_rows.METRIC_COLUMNS, supabase_rows.METRICS_KEY, replace=False
            )
        if cursor is None:
            return
        self._reached = cursor
        if not rows or self._noted is None or time.monotonic() >= self._noted_at + CURSOR_EVERY:
            await self._note(client)

    async def advance(self, cursor: Offset) -> None:
        """See Store."""
        client = self._opened()
        if self._noted is None:
            body = supabase_rows.cursor_json(self._journal_id, self.name, cursor)
            columns, key = supabase_rows.CURSOR_COLUMNS, supabase_rows.CURSORS_KEY
            await client.upsert(CURSORS, body, columns, key, replace=False)
        behind = supabase_rows.of_store(self._journal_id, self.name, self._noted or 0, before=cursor)
        await client.update(CURSORS, {"offset": cursor, "updated_at": "now"}, behind)
        found = await self._cursor(client, self._journal_id)
        if found is None or found < cursor:
            raise DatabaseWentBackError(self.name, "the project", self._noted or cursor)
        self._noted = self._reached = found
        self._noted_at = time.monotonic()

    async def mirror(self, letters: Sequence[LetterRow]) -> None:
        """See Store."""
        client = self._opened()
        if letters:
            arrays: list[bytes] = []
            for at in range(0, len(letters), PIECE):
                arrays.append(
                    supabase_rows.letters_json(self._journal_id, self.name, letters[at : at + PIECE])
                )
                await asyncio.sleep(0)
            body = supabase_rows.concatenated(arrays)
            columns, key = supabase_rows.LETTER_COLUMNS, supabase_rows.LETTERS_KEY
            await client.upsert(LETTERS, body, columns, key, replace=True)

    async def mirror_flags(self, flags: Sequence[FlagRow]) -> None:
        """See Store."""
        client = self._opened()
        if flags:
            body = supabase_rows.flags_json(self._journal_id, flags)
            columns, key = supabase_rows.FLAG_COLUMNS, supabase_rows.FLAGS_KEY
            await client.upsert(FLAGS, body, columns, key, replace=True)
        await client.delete(FLAGS, supabase_rows.other_flags(self._journal_id, flags))

    async def maintain(self, keep_days: float | None) -> None:
        """See Store. Days are dropped whole: part of one counts as one."""
        client = self._opened()
        await self._note(client)
        days = None if keep_days is None else max(1, math.ceil(keep_days))
        await client.call("forebay_maintain", "", "", keep_days=days)

    async def close(self) -> None:
        """See Store."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await self._note(client)
        finally:
            self._reached = self._noted = None
            await client.close()

    async def offsets(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Offset]]:
        """See Store."""
        async for page in self._pages("offset", start, until):
            yield [Offset(stored["offset"]) for stored in page]

    async def rows(self, start: Offset, until: Offset) -> AsyncIterator[Sequence[Row]]:
        """See Store."""
        async for page in self._pages(supabase_rows.SELECTED, start, until):
            yield [supabase_rows.row(stored) for stored in page]

    async def series(self, query: SeriesQuery) -> list[Series]:
        """See HistoryStore."""
        check_step(query.step)
        function = "forebay_series"
        asked: dict[str, Any] = {
            "name": query.name,
            "start_ns": query.start,
            "until_ns": query.until,
            "step_ns": query.step,
            "source": query.source,
        }
        if query.session is not None or query.attributes:
            # Not always: a project that is not migrated yet has no such function.
            function = "forebay_filtered_series"
            asked |= {"session": query.session, "attributes": dict(query.attributes)}
        return supabase_rows.series(query.name, await self._call(function, ("source", "time_ns"), **asked))

    async def names(self) -> list[NameSeen]:
        """See HistoryStore."""
        return supabase_rows.names(await self._call("forebay_names", ("name",)))

    async def sessions(self) -> list[SessionSeen]:
        """See HistoryStore."""
        return supabase_rows.sessions(await self._call("forebay_sessions", ("session", "source")))

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """See HistoryStore."""
        return supabase_rows.attributes(await self._call("forebay_attributes", ("key",), name=name))

    async def _encoded(self, rows: Sequence[Row]) -> bytes:
        """The body that inserts `rows`, made while others have their turns. Raises PoisonError."""
        refusals: list[Refusal] = []
        arrays: list[bytes] = []
        for at in range(0, len(rows), PIECE):
            piece = rows[at : at + PIECE]
            refusals += refusals_of(piece)
            if not refusals:
                arrays.append(supabase_rows.metrics_json(self._journal_id, piece))
            await asyncio.sleep(0)
        if refusals:
            first = refusals[0]
            others = f" (and {len(refusals) - 1} others)" if len(refusals) > 1 else ""
            detail = f"offset {first.offset}: {first.detail}{others}"
            raise PoisonError(self.name, detail, cause=first.cause, refusals=refusals)
        return supabase_rows.concatenated(arrays)

    def _opened(self) -> SupabaseClient:
        if self._client is None:
            raise OutageError(self.name, "not open")
        return self._client

    async def _cursor(self, client: SupabaseClient, journal_id: str) -> Offset | None:
        # Names everything that a write needs, so that a missing table is noticed at once.
        own = supabase_rows.of_journal(journal_id, 0, 0)
        await client.select(METRICS, supabase_rows.METRIC_COLUMNS, own, limit=1)
        own = supabase_rows.of_store(journal_id, self.name)
        found = await client.select(CURSORS, "offset", own, limit=1)
        return Offset(found[0]["offset"]) if found else None

    async def _note(self, client: SupabaseClient) -> None:
        """Write the cursor if it has moved."""
        reached, noted = self._reached, self._noted
        if reached is None or reached == noted:
            return
        if noted is None:
            body = supabase_rows.cursor_json(self._journal_id, self.name, reached)
            columns, key = supabase_rows.CURSOR_COLUMNS, supabase_rows.CURSORS_KEY
            await client.upsert(CURSORS, body, columns, key, replace=True)
        else:
            # A time-out may have moved it further than we know, never back.
            own = supabase_rows.of_store(self._journal_id, self.name, noted)
            if not await client.update(CURSORS, {"offset": reached, "updated_at": "now"}, own):
                raise DatabaseWentBackError(self.name, "the project", noted)
        self._noted, self._noted_at = reached, time.monotonic()

    async def _pages(self, columns: str, start: Offset, until: Offset) -> AsyncIterator[list[dict[str, Any]]]:
        """Rows of this journal in `[start, until)`, ascending. A server may give fewer at a time than are
        asked for: only an empty page is the end."""
        first, last = within_int64(start, until)
        given = 0
        while first <= last:
            own = supabase_rows.of_journal(self._journal_id, first, last)
            page = await self._opened().select(METRICS, columns, own, limit=PAGE + given)
            if fresh := page[given:]:
                yield fresh
            elif not given:
                return
            # The key of a partitioned table lets an offset be there twice: the next page begins with the last
            # one of this, so that a cut between the two hides neither.
            again = page[-1]["offset"] if fresh else first + 1
            given = sum(row["offset"] == again for row in page) if fresh else 0
            first = again

    async def _call(self, function: str, order: tuple[str, ...], **arguments: Any) -> list[dict[str, Any]]:
        """All that the SQL function returns, in pages parted by the columns of `order`, its key."""
        found: list[dict[str, Any]] = []
        complete = False
        while not complete:
            condition = supabase_rows.behind(found[-1], order) if found else ""
            page, complete = await self._opened().call(function, ",".join(order), condition, **arguments)
            found += page
            complete = complete or not page
        return found
