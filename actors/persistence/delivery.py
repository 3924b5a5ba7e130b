"""What comes of a batch: it is stored, or searched for the rows that are to blame, a write at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from typing import NamedTuple

from actors.core import search as searching
from actors.core.batch_size import batch_size
from actors.persistence.burial import WEATHER, Blame, Burial, blamed
from actors.persistence.feed import Batch
from actors.persistence.guard import GuardedStore
from actors.persistence.progress import StoreProgress
from actors.stores.base import DeniedError, OutageError, PoisonError, Row, StoreError, TransientError
from journal.metric import Offset

TRIALS = 16
"""Writes of a single row that decide whether a store takes anything at all."""


class Resent(NamedTuple):
    """What came of dead letters that were sent again: `stored` ones, those `refused` once more, and `error`,
    why the others were not tried; None: all were."""

    stored: list[Offset]
    refused: list[Blame]
    error: StoreError | None


class Delivery:
    """Brings batches to `store`, at most `most_rows` a write. A write that fails by chance `max_attempts`
    times is taken apart; once `hold_after` metrics in a row were refused (0: never), the table is to blame
    and not the metrics, and nothing more is given up until one of the next or of the `latest` passes.
    `clock` is monotonic, in seconds."""

    def __init__(
        self,
        store: GuardedStore,
        progress: StoreProgress,
        burial: Burial,
        *,
        most_rows: int,
        max_attempts: int,
        hold_after: int,
        latest: Callable[[], Awaitable[Sequence[Row]]],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._progress = progress
        self._burial = burial
        self._max_attempts = max_attempts
        self._hold_after = hold_after
        self._refused_in_a_row = 0
        self._latest = latest
        self._clock = clock
        self._size = batch_size(store.batch.first, min(store.batch.most, most_rows))
        self.took = 0.0
        """Seconds that the last write took."""

    @property
    def rows(self) -> int:
        """At most so many rows in a batch, for now."""
        return self._size.most if self._doubts else self._size.rows

    def probe(self) -> None:
        """What is written next is a probe: little, and more only when it has passed."""
        self._size = self._size.probing()

    def begin(self, batch: Batch) -> None:
        """Take up `batch`. What of it is in the dead-letter queue already is settled."""
        batch.dead = self._burial.known_among(batch.rows)
        self._progress.passed(0, len(batch.dead))
        self._progress.waiting_since = batch.rows[0].accepted_at if batch.rows else 0

    async def go_on(self, batch: Batch) -> None:
        """Write what is next of `batch`. Once `batch.search` is over, the cursor is behind it.

        Raises StoreError, and BurialFailedError; what is not settled then stays to be done.
        """
        if self._doubts and batch.rows:
            await self._try_others(batch)
        if batch.search.pieces:
            await self._send(batch)
        if not batch.search.pieces and batch.search.put_off:
            await self._judge(batch)
        if batch.search.is_over:
            await self._finish(batch)

    async def redrive(self, rows: Sequence[Row]) -> Resent:
        """Write `rows`, dead letters. A row that fails by chance, alone, is refused for the weather; where
        none has passed before it, the others are left for another time."""
        batch, stored, refused = Batch(rows, self._progress.cursor), list[Offset](), list[Blame]()
        while batch.search.pieces:
            batch.search = searching.limited(batch.search, self._size.rows)
            head = batch.head()
            try:
                if head:
                    await self._store.write(head, self._progress.cursor)
            except PoisonError as error:
                found = blamed(head, error)
                refused += found
                self._take_apart(batch, head, found, error)
            except StoreError as error:
                if error.smaller:
                    self._size = self._size.too_large(len(head))
                if not isinstance(error, TransientError):
                    return Resent(stored, refused, error)
                if len(head) > 1:
                    batch.search = searching.refused(batch.search, informed=False)
                    continue
                refused.append(Blame(head[0].offset, WEATHER, error.detail))
                if not stored:
                    return Resent(stored, refused, error)
                batch.search = searching.given_up(batch.search)
            else:
                stored += [row.offset for row in head]
                batch.search = searching.passed(batch.search)
        return Resent(stored, refused, None)

    async def _send(self, batch: Batch) -> None:
        batch.search = searching.limited(batch.search, self._size.rows)
        rows, after = batch.head(), searching.passed(batch.search)
        began, cursor = self._clock(), batch.cursor(after)
        try:
            if rows:
                await self._store.write(rows, cursor)
        except PoisonError as error:
            # Without a queue the one that blocks must stand alone: what is before it is stored.
            found = blamed(rows, error) if self._burial.enabled or len(rows) == 1 else []
            if found:
                await self._bury(batch, found, error)
            self._take_apart(batch, rows, found, error)
            self._move(batch)
        except StoreError as error:
            self._fall_back(batch, rows, error)
            raise
        else:
            self.took = self._clock() - began
            self._size = self._size.passed(len(rows))
            batch.search = after
            if rows:
                batch.stored += 1
                batch.reached = cursor
                self._refused_in_a_row = 0
            self._progress.passed(len(rows), 0)
            self._move(batch)

    def _move(self, batch: Batch) -> None:
        first = batch.search.first_unsettled
        if first is not None:
            self._progress.cursor = batch.rows[first].offset
            self._progress.waiting_since = batch.rows[first].accepted_at

    def _take_apart(
        self, batch: Batch, rows: Sequence[Row], found: Sequence[Blame], error: PoisonError
    ) -> None:
        """After `rows` were refused, `found` among them being to blame; none, if that is not known yet."""
        if found:
            batch.dead.update(blame.offset for blame in found)
            if len(rows) == 1:
                batch.search = searching.given_up(batch.search)
            else:
                batch.search = searching.cleared(
                    batch.search, batch.places({blame.offset for blame in found})
                )
            return
        if error.smaller:
            self._size = self._size.too_large(len(rows))
        batch.search = searching.refused(batch.search, informed=not error.smaller)

    async def _bury(self, batch: Batch, found: Sequence[Blame], error: PoisonError) -> None:
        if not self._burial.enabled:
            first = found[0]
            metric = next(row.metric for row in batch.rows if row.offset == first.offset)
            detail = (
                f"offset {first.offset} ({metric.name!r}) is refused and holds up all that comes after it, "
                f"because the dead-letter queue is switched off: {first.error}"
            )
            raise PoisonError(self._store.name, detail, cause=error.cause)
        await self._burial.bury(found, batch.rows)
        self._refused_in_a_row += len(found)
        self._progress.passed(0, len(found))

    @property
    def _doubts(self) -> bool:
        """Whether so many metrics have been refused, and none taken, that it cannot be their fault."""
        return 0 < self._hold_after <= self._refused_in_a_row

    async def _try_others(self, batch: Batch) -> None:
        """See whether the store takes anything at all: a metric each of other names and sources, of the
        latest and of what is next. Raises DeniedError, and `batch` is to be read again, where it does not."""
        last: PoisonError | None = None
        for row in [*_samples(await self._latest(), batch.dead), *_samples(batch.rows, batch.dead)]:
            try:
                await self._store.write([row], batch.cursor(batch.search))
            except PoisonError as error:
                last = error
            else:
                self._refused_in_a_row = 0
                return
        if last is None:
            # All of it is in the queue already.
            return
        batch.given_back = True
        error = DeniedError(
            self._store.name,
            f"the last {self._refused_in_a_row:,} metrics were all refused ({last.cause}: {last.detail}): "
            "that is the table's doing, not theirs. Mend it, then `forebay dlq redrive --all`; if it is "
            "theirs indeed, dlq_hold_after = 0 makes dead letters of them all",
        )
        self._store.nothing_passes(error)
        raise error

    def _fall_back(self, batch: Batch, rows: Sequence[Row], error: StoreError) -> None:
        """After an attempt that failed though nothing is known to be wrong with `rows`."""
        piece = batch.search.pieces[0]
        if error.smaller:
            self._size = self._size.too_large(len(rows))
        if not isinstance(error, TransientError) or not rows:
            return
        if error.smaller and piece.size > 1:
            batch.search = searching.refused(batch.search, informed=False)
            return
        batch.search = searching.failed(batch.search)
        if piece.attempts + 1 < self._max_attempts:
            return
        if piece.size > 1:
            batch.search = searching.refused(batch.search, informed=False)
        elif self._burial.enabled:
            offset = batch.rows[piece.start].offset
            batch.put_off[piece.start] = Blame(offset, WEATHER, error.detail, piece.attempts + 1)
            batch.search = searching.put_off(batch.search)

    async def _judge(self, batch: Batch) -> None:
        """Only rows are left that were put off. If others were stored meanwhile, either the weather has
        changed, and one more attempt at each will pass, or it is them."""
        found = [batch.put_off[piece.start] for piece in batch.search.put_off]
        if not batch.search.stored:
            detail = f"nothing passes, together or alone: {found[-1].error}"
            error = OutageError(self._store.name, detail)
            batch.given_back = True
            self._store.nothing_passes(error)
            raise error
        if not batch.tried_again:
            batch.tried_again = True
            batch.search = searching.once_more(batch.search)
            return
        await self._burial.bury(found, batch.rows)
        batch.dead.update(blame.offset for blame in found)
        batch.search = searching.Search()
        self._progress.passed(0, len(found))

    async def _finish(self, batch: Batch) -> None:
        """Move the store's cursor behind `batch` where no write has."""
        if self._store.is_probing or (batch.rows and batch.reached != batch.end):
            await self._store.write([], batch.end)
            batch.stored += 1
        self._progress.waiting_since = 0


def _samples(rows: Sequence[Row], dead: Set[Offset]) -> list[Row]:
    """The latest of `rows` that are no dead letters, one for each name and source; TRIALS at most."""
    found: dict[tuple[str, str], Row] = {}
    for row in reversed(rows):
        kind = (row.metric.source, row.metric.name)
        if kind not in found and row.offset not in dead:
            found[kind] = row
            if len(found) == TRIALS:
                break
    return list(found.values())
