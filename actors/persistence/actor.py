"""The persistence actor: pulls from the journal and writes to one store, each store at its own pace.

An outage of any length costs disk, not memory: what waits, waits in the journal. The store's own cursor,
which moves with the rows, is the truth; the journal is told of it now and then. What the store can never
take becomes a dead letter before the cursor passes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import assert_never

import structlog

from actors.core.persistence import (
    ErrorKind,
    Event,
    Failed,
    Feeding,
    Open,
    Opened,
    Opening,
    Pressure,
    Rest,
    RetryPolicy,
    Stored,
    courtesy,
    evolve,
    next_step,
)
from actors.kernel import Actor, Signal, Stopping, Timer
from actors.messages import (
    MaintainStore,
    MirrorLetters,
    NoteCursor,
    PersistenceMessage,
    Pull,
    WriteLetters,
)
from actors.persistence.ahead import StoreAheadError
from actors.persistence.burial import Burial, BurialFailedError
from actors.persistence.delivery import Delivery
from actors.persistence.feed import Batch, JournalFeed
from actors.persistence.flag_mirror import FlagMirror
from actors.persistence.guard import GuardedStore
from actors.persistence.progress import StoreProgress
from actors.persistence.stock import take_stock
from actors.stores.base import Store, StoreError, ThrottledError
from journal.committer import JournalFailedError, JournalFullError
from journal.events import CursorAdvanced, DeadLetterRetried
from journal.log import Journal, JournalClosedError
from journal.metric import Nanoseconds, Offset
from journal.segment import JournalCorruptError
from journal.state import LostRange

CLOSE_WITHIN = 2.0
"""Seconds that a store has to close; one that hangs is left to the end of the process."""

CLOSE_LATE_WITHIN = 0.5
"""The same, once the time to stop is over."""

GATHER = 0.05
"""Seconds between two writes of a store that is level: each costs a sync, often of the journal's disk."""

NOTE_EVERY = 1.0
"""Seconds between two notes of a moving cursor in the journal."""

MAINTAIN_EVERY = 60.0
"""Seconds between two of the store's own housekeepings."""

log = structlog.get_logger("persistence")


class PersistenceActor(Actor[PersistenceMessage]):
    """Feeds `store`, at most `most_rows` a write; at shutdown until `progress.end_at`. No call to the store
    lasts longer than `timeout` seconds; its breaker is that of `progress`. `now` is the time of day."""

    def __init__(
        self,
        journal: Journal,
        store: Store,
        progress: StoreProgress,
        *,
        most_rows: int,
        timeout: float,
        keep_days: float | None,
        hold_after: int,
        policy: RetryPolicy,
        burial: Burial,
        pressure: Callable[[], Pressure],
        now: Callable[[], Nanoseconds],
    ) -> None:
        self._journal = journal
        self._progress = progress
        self._keep_days = keep_days
        self._policy = policy
        self._burial = burial
        self._pressure = pressure
        self._now = now
        self._store = GuardedStore(store, progress, timeout=timeout, recovered=self._recovered)
        self._feed = JournalFeed(journal)
        self._flags = FlagMirror(journal, self._store, lambda: self.context.clock.monotonic())
        self._delivery = Delivery(
            self._store,
            progress,
            burial,
            most_rows=most_rows,
            max_attempts=policy.max_attempts,
            hold_after=hold_after,
            latest=self._feed.latest,
            clock=lambda: self.context.clock.monotonic(),
        )
        self._batch: Batch | None = None
        self._inside = 0
        """Metrics settled in time of the lost range that the store's cursor is in."""
        self._asleep = False
        self._stirred = False
        self._gather_until = 0.0
        self._timer: Timer | None = None
        self._end_watch: Callable[[], None] | None = None

    async def started(self) -> None:
        """See Actor."""
        self._progress.state = Opening()
        self._end_watch = self._journal.watch(self._committed)
        self.context.every(NOTE_EVERY, NoteCursor())
        self.context.every(MAINTAIN_EVERY, MaintainStore())
        self._pull_again()

    async def stopped(self) -> None:
        """Note the cursor a last time; let go of store and journal."""
        if self._end_watch is not None:
            self._end_watch()
        await self._note_cursor()
        await self._forget_reading()
        await self._store.close(CLOSE_LATE_WITHIN if self._progress.is_late else CLOSE_WITHIN)

    async def signalled(self, signal: Signal) -> None:
        """On the way down, bring to the store what can still be brought."""
        if isinstance(signal, Stopping):
            with self._progress.attempting():
                while isinstance(self._progress.state, Feeding) and await self._step():
                    pass

    async def receive(self, messages: Sequence[PersistenceMessage]) -> None:
        """See Actor."""
        for message in messages:
            match message:
                case NoteCursor():
                    await self._note_cursor()
                    if self._is_feeding:
                        with self._progress.attempting():
                            await self._flags.bring_up_to_date()
                case MaintainStore():
                    with self._progress.attempting():
                        await self._maintain()
                case WriteLetters():
                    with self._progress.attempting():
                        await self._redrive(message)
                case MirrorLetters():
                    with self._progress.attempting():
                        await self._mirror(message)
                case Pull():
                    pass
                case _:
                    assert_never(message)
        if any(isinstance(message, Pull) for message in messages):
            await self._pull()

    async def _pull(self) -> None:
        self._stirred = False
        more = False
        with self._progress.attempting():
            more = await self._step()
        if more:
            rest = courtesy(self._delivery.took, self._pressure())
            if rest:
                self._wake_in(rest)
            else:
                self._pull_again()
            return
        self._asleep = True
        self._gather_until = self.context.clock.monotonic() + GATHER
        if self._stirred and isinstance(self._progress.state, Feeding):
            # Something was committed during the step, perhaps too late to be seen by it.
            self._committed()

    def _committed(self) -> None:
        self._stirred = True
        if not self._asleep:
            return
        wait = self._gather_until - self.context.clock.monotonic()
        if wait > 0:
            self._asleep = False
            self._wake_in(wait)
        else:
            self._pull_again()

    def _pull_again(self) -> None:
        self._asleep = False
        # By a timer, whose message goes in even where beats have filled the mailbox during a long call.
        self._wake_in(0.0)

    async def _step(self) -> bool:
        """One attempt at whatever is due; False when there is nothing to do for now."""
        step = next_step(self._progress.state, self.context.clock.monotonic(), self._store.held())
        if isinstance(step, Rest):
            if self._store.held() is not None:
                await self._see_who_waits()
            self._wake_in(step.seconds)
            return False
        if self._store.admit():
            self._delivery.probe()
        try:
            if isinstance(step, Open):
                await self._open()
                return True
            return await self._feed_from(step.cursor)
        except StoreError as error:
            retry_after = error.retry_after if isinstance(error, ThrottledError) else None
            await self._fail(error.kind, str(error), retry_after)
        except BurialFailedError as error:
            await self._fail("queue", str(error), None)
        except JournalCorruptError as error:
            await self._fail("corrupt", str(error), None)
            await self._forget_reading()
        return True

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.context.after(seconds, Pull())

    async def _fail(self, kind: ErrorKind, error: str, retry_after: float | None) -> None:
        now, chance = self.context.clock.monotonic(), self.context.random.uniform(0.0, 1.0)
        progress = self._progress
        progress.failing_since = progress.failing_since or self._now()
        self._move(Failed(kind, error, now, chance, retry_after))
        log.warning(
            "the store takes no metrics: they wait in the journal",
            store=self._store.name,
            kind=kind,
            error=error,
            lag=self._lag(),
            breaker=self._store.position,
        )
        if kind != "corrupt":
            await self._see_who_waits()

    async def _see_who_waits(self) -> None:
        """How long the oldest has waited is asked for most while nothing is even tried."""
        progress = self._progress
        if self._batch is None and not progress.waiting_since and self._lag():
            progress.waiting_since = await self._feed.waiting_since(progress.cursor)

    def _recovered(self) -> None:
        log.info("the store is back", store=self._store.name, lag=self._lag())
        self._burial.recovered()

    def _move(self, event: Event) -> None:
        self._progress.state = evolve(self._progress.state, event, self._policy)

    async def _open(self) -> None:
        cursor = await self._store.open(str(self._journal.id))
        # What has been accepted meanwhile is nothing that a store can hold which nobody has fed.
        recovered = Offset(self._journal.recovered.place.next_offset)
        end = self._journal.next_offset if self._progress.opened else recovered
        if cursor is not None and cursor > end:
            raise StoreAheadError(self._store.name, cursor, end)
        stock = await take_stock(cursor, self._journal, self._store, self._burial)
        progress = self._progress
        if cursor is None or stock.persisted < progress.persisted:
            self._burial.went_back()
        progress.took_stock(stock)
        self._inside = stock.inside
        progress.opened = True
        self._flags.forget()
        await self._forget_reading()
        self._move(Opened(stock.cursor))
        log.info("store open", store=self._store.name, cursor=stock.cursor, lag=self._lag())

    async def _feed_from(self, cursor: Offset) -> bool:
        """One write, of the next batch or of what is left of the last; False when the store is level with
        the journal."""
        batch = self._batch
        if batch is None:
            batch = await self._feed.next(cursor, self._delivery.rows)
            self._delivery.begin(batch)
            self._batch = batch
        while batch.holes:
            await self._pass_over(batch.holes[0])
            del batch.holes[0]
        if not batch.rows and not self._store.is_probing:
            self._batch = None
            self._took(batch)
            return False
        before = batch.stored
        try:
            await self._delivery.go_on(batch)
        finally:
            if batch.given_back:
                await self._forget_reading()
        if batch.search.is_over:
            self._batch = None
        if batch.search.is_over or batch.stored > before:
            self._took(batch)
        return True

    async def _pass_over(self, hole: LostRange) -> None:
        """Nothing of `hole` can be brought to the store any more. What it holds of it all the same (a cursor
        may be behind the rows) is stored."""
        progress = self._progress
        settled = await self._burial.settled(hole, hole.end, self._store.count)
        dead = self._burial.known_within(hole.first, hole.end)
        progress.passed(max(0, settled - self._inside - dead), dead)
        progress.lose(hole.metrics - settled)
        progress.cursor, self._inside = hole.end, 0
        if hole.metrics > settled:
            log.error(
                "the journal lost metrics before the store was given them: `forebay audit` tells more",
                store=self._store.name,
                lost=hole.metrics - settled,
                first_offset=hole.first,
                last_offset=hole.end - 1,
            )

    def _took(self, batch: Batch) -> None:
        """The store has taken something, or there was nothing to take."""
        progress = self._progress
        if progress.state.attempts and batch.stored:
            log.info("store takes metrics again", store=self._store.name, lag=self._lag())
        if batch.search.is_over:
            progress.cursor = batch.end
            if batch.accepted is not None:
                progress.settled_all(batch.accepted)
        progress.failing_since = 0
        self._move(Stored(progress.cursor))

    async def _redrive(self, command: WriteLetters) -> None:
        """Send dead letters to the store, if it takes anything now."""
        ids = {row.offset: each for each, row in zip(command.ids, command.rows, strict=True)}
        stored: list[Offset] = []
        refused: list[DeadLetterRetried] = []
        try:
            if self._is_feeding:
                came = await self._delivery.redrive(command.rows)
                stored = [ids[offset] for offset in came.stored]
                refused = [
                    DeadLetterRetried(ids[blame.offset], blame.cause, blame.error, blame.is_weather)
                    for blame in came.refused
                ]
                if came.error is not None:
                    log.warning("dead letters wait", store=self._store.name, error=str(came.error))
        finally:
            self._burial.written(stored, refused)

    async def _mirror(self, command: MirrorLetters) -> None:
        done = False
        try:
            if self._is_feeding:
                await self._store.mirror(command.letters)
                done = True
        except StoreError as error:
            log.warning("dead letters are not mirrored for now", store=self._store.name, error=str(error))
        finally:
            self._burial.mirrored(command.start, command.before if done else None)

    async def _maintain(self) -> None:
        if self._is_feeding:
            try:
                await self._store.maintain(self._keep_days)
            except StoreError as error:
                log.warning("the store's housekeeping failed", store=self._store.name, error=str(error))

    @property
    def _is_feeding(self) -> bool:
        return self._store.position in ("closed", "off") and isinstance(self._progress.state, Feeding)

    async def _forget_reading(self) -> None:
        self._batch = None
        await self._feed.forget()

    async def _note_cursor(self) -> None:
        """Journal the cursor if it moved over metrics since the last note: control events alone, of which
        the note itself is one, are not worth another."""
        progress = self._progress
        known = self._journal.state.cursors.get(self._store.name)
        noted = (known.persisted, known.dead_lettered, known.lost) if known is not None else (0, 0, 0)
        now = (progress.persisted, progress.dead_lettered, progress.lost)
        if now == noted:
            return
        note = CursorAdvanced(self._store.name, progress.cursor, *now)
        with contextlib.suppress(JournalFullError, JournalFailedError, JournalClosedError):
            await self._journal.append([note])

    def _lag(self) -> int:
        return self._progress.lag(self._journal.state.accepted)
