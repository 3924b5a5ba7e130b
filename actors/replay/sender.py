"""Brings rows to a store, whatever it says to them: waits, takes batches apart, names who is to blame.

As the persistence actor does, and by the same decisions; but there is no breaker, which is a running
process's, and no dead-letter queue: what is refused is told and left out.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from actors.core import search as searching
from actors.core.batch_size import batch_size
from actors.core.persistence import RetryPolicy
from actors.persistence.burial import WEATHER, Blame, blamed
from actors.persistence.feed import Batch
from actors.stores.base import (
    DatabaseWentBackError,
    DeniedError,
    OutageError,
    PoisonError,
    Row,
    Store,
    StoreError,
    ThrottledError,
    TransientError,
)
from actors.stores.sqlite import ReplacedDatabaseError
from journal.metric import Offset

T = TypeVar("T")


class StoreChangedError(Exception):
    """The store no longer holds what it has confirmed: everything has to be sent again."""

    def __init__(self, store: str) -> None:
        super().__init__(f"store {store} no longer holds what it had confirmed")


class NothingPassesError(DeniedError):
    """So many metrics in a row were refused, from offset `since` on, that the table must be to blame."""

    def __init__(self, store: str, since: Offset, refused: int, error: PoisonError) -> None:
        self.since = since
        super().__init__(
            store,
            f"the last {refused:,} metrics were all refused ({error.cause}: {error.detail}): that is the "
            "table's doing, not theirs; mend it, and give the same command again (if it is theirs indeed: "
            "dlq_hold_after = 0 in forebay.toml)",
        )


class InterruptedReplayError(Exception):
    """Somebody asked the replay to stop; what was under way is finished."""


class Limits(msgspec.Struct, frozen=True):
    """`most_rows` a write, `rate` rows a second (None: as fast as it goes), no call longer than `timeout`
    seconds; after `hold_after` refusals in a row (0: never) the table is to blame and not the metrics."""

    most_rows: int = 16_384
    rate: int | None = None
    timeout: float = 30.0
    hold_after: int = 1_000
    policy: RetryPolicy = RetryPolicy()


class Listener:
    """What a sender has to tell; does nothing with it."""

    def refused(self, row: Row, blame: Blame) -> None:
        """The store can never take `row`."""

    def waiting(self, error: StoreError, seconds: float) -> None:
        """Nothing passes for now; the next attempt comes in so many seconds."""

    def went_on(self) -> None:
        """The store takes rows again."""


class Sender:
    """Writes rows to `store`, which is open for `journal_id`, without moving its cursor. `stop` ends any
    wait, and what is begun is finished."""

    def __init__(
        self, store: Store, journal_id: str, limits: Limits, stop: asyncio.Event, listener: Listener
    ) -> None:
        self._store = store
        self._journal_id = journal_id
        self._limits = limits
        self._stop = stop
        self._listener = listener
        most = min(store.batch.most, limits.most_rows, _per_tenth(limits.rate))
        self._size = batch_size(store.batch.first, most)
        self._attempts = 0
        self._refused_in_a_row = 0
        self._refused_since = Offset(0)
        self._due = 0.0
        self.cursor: Offset | None = None
        """What the store kept as its cursor when it was opened last."""
        self.sent = 0
        """Rows that were stored, or were there."""
        self.last: Offset | None = None
        """The offset of the latest of them."""
        self.refused = 0
        """Rows that were refused."""
        self.settled: Offset = Offset(0)
        """Before this offset of what it was given last, every row is stored or refused."""

    @property
    def rows(self) -> int:
        """How many rows to give it at a time."""
        return self._size.rows

    async def open(self) -> None:
        """Connect. Raises StoreError: who cannot be reached at all is no weather to wait for."""
        self.cursor = await self._within(self._store.open(self._journal_id))

    async def send(self, rows: Sequence[Row]) -> None:
        """Have every one of `rows` stored or refused.

        Raises DeniedError, StoreChangedError, InterruptedReplayError.
        """
        batch = Batch(rows, Offset(rows[-1].offset + 1))
        self.settled = rows[0].offset
        while not batch.search.is_over:
            if self._stop.is_set():
                raise InterruptedReplayError
            if batch.search.pieces:
                await self._write_next(batch)
            else:
                await self._judge(batch)
            self.settled = batch.cursor(batch.search)

    async def advance(self, cursor: Offset) -> None:
        """Bring the store's cursor up to `cursor`, as `send` brings rows."""
        while True:
            try:
                await self._within(self._store.advance(cursor))
            except StoreError as error:
                await self._recover(error)
            else:
                self.cursor = max(cursor, self.cursor or cursor)
                return self._passed()

    async def _write_next(self, batch: Batch) -> None:
        await self._keep_pace()
        batch.search = searching.limited(batch.search, self._size.rows)
        rows = batch.head()
        try:
            if rows:
                await self._within(self._store.write(rows, None))
        except PoisonError as error:
            self._take_apart(batch, rows, error)
        except StoreError as error:
            if error.smaller:
                self._size = self._size.too_large(len(rows))
            if isinstance(error, TransientError):
                self._suspect(batch, error)
            await self._recover(error)
        else:
            batch.search = searching.passed(batch.search)
            self._size = self._size.passed(len(rows))
            self.sent += len(rows)
            if rows:
                self.last = max(rows[-1].offset, self.last or rows[-1].offset)
                self._refused_in_a_row = 0
                self._passed()
            self._spend(len(rows))

    def _take_apart(self, batch: Batch, rows: Sequence[Row], error: PoisonError) -> None:
        found = blamed(rows, error)
        if not found:
            if error.smaller:
                self._size = self._size.too_large(len(rows))
            batch.search = searching.refused(batch.search, informed=not error.smaller)
            return
        self._blame(batch, found)
        if len(rows) == 1:
            batch.search = searching.given_up(batch.search)
        else:
            batch.search = searching.cleared(batch.search, batch.places({each.offset for each in found}))
        if 0 < self._limits.hold_after <= self._refused_in_a_row:
            self.refused -= self._refused_in_a_row
            raise NothingPassesError(self._store.name, self._refused_since, self._refused_in_a_row, error)

    def _suspect(self, batch: Batch, error: TransientError) -> None:
        """After an attempt that failed by chance, or because of what is in it."""
        piece = batch.search.pieces[0]
        if error.smaller and piece.size > 1:
            batch.search = searching.refused(batch.search, informed=False)
            return
        batch.search = searching.failed(batch.search)
        if piece.attempts + 1 < self._limits.policy.max_attempts:
            return
        if piece.size > 1:
            batch.search = searching.refused(batch.search, informed=False)
        else:
            offset = batch.rows[piece.start].offset
            batch.put_off[piece.start] = Blame(offset, WEATHER, error.detail, piece.attempts + 1)
            batch.search = searching.put_off(batch.search)

    async def _judge(self, batch: Batch) -> None:
        """Only rows are left that failed by chance too often: it is them if others passed meanwhile."""
        found = [batch.put_off[piece.start] for piece in batch.search.put_off]
        if batch.search.stored and batch.tried_again:
            self._blame(batch, found)
            batch.search = searching.Search()
            return
        if not batch.search.stored:
            detail = f"nothing passes, together or alone: {found[-1].error}"
            await self._recover(OutageError(self._store.name, detail))
        batch.tried_again = bool(batch.search.stored)
        batch.search = searching.once_more(batch.search)

    def _blame(self, batch: Batch, found: Sequence[Blame]) -> None:
        rows = {row.offset: row for row in batch.rows}
        if not self._refused_in_a_row:
            self._refused_since = min(blame.offset for blame in found)
        for blame in found:
            batch.dead.add(blame.offset)
            self._listener.refused(rows[blame.offset], blame)
        self.refused += len(found)
        self._refused_in_a_row += len(found)

    async def _recover(self, error: StoreError) -> None:
        """Wait until another attempt makes sense; connect anew where the connection may be to blame."""
        if isinstance(error, (DatabaseWentBackError, ReplacedDatabaseError)):
            raise StoreChangedError(self._store.name) from error
        if isinstance(error, (DeniedError, PoisonError)):
            raise error
        await self._rest(error)
        while isinstance(error, OutageError):
            before = self.cursor
            try:
                await self.open()
            except OutageError as again:
                await self._rest(again)
            except (ThrottledError, TransientError) as again:
                await self._rest(again)
            else:
                if before is not None and (self.cursor is None or self.cursor < before):
                    raise StoreChangedError(self._store.name)
                return

    async def _rest(self, error: StoreError) -> None:
        self._attempts += 1
        retry_after = error.retry_after if isinstance(error, ThrottledError) else None
        seconds = self._limits.policy.wait(self._attempts, random.random(), retry_after)
        self._listener.waiting(error, seconds)
        await self._pause(seconds)

    def _passed(self) -> None:
        if self._attempts:
            self._attempts = 0
            self._listener.went_on()

    async def _keep_pace(self) -> None:
        if self._limits.rate is not None:
            await self._pause(self._due - time.monotonic())

    def _spend(self, rows: int) -> None:
        """What was not sent during a wait is not made up for: the rate is what the store can bear."""
        if self._limits.rate is not None:
            self._due = max(self._due, time.monotonic()) + rows / self._limits.rate

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._stop.wait()
            except TimeoutError:
                return
        if self._stop.is_set():
            raise InterruptedReplayError

    async def _within(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await call
        except TimeoutError as error:
            detail = f"no answer within {self._limits.timeout:g} s"
            raise OutageError(self._store.name, detail, smaller=True) from error


def _per_tenth(rate: int | None) -> int:
    """Rows that a tenth of a second allows; 1 at least."""
    return 1_000_000 if rate is None else max(1, rate // 10)
