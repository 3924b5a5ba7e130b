"""The persistence actor: pulls from the journal and writes to one store, each store at its own pace.

An outage of any length costs disk, not memory: what waits, waits in the journal. The store's own cursor,
which moves in the transaction that stores the rows, is the truth; the journal is told of it now and then.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Sequence
from typing import Literal

import anyio
import structlog

from actors.core.persistence import (
    ErrorKind,
    Event,
    Failed,
    Feed,
    Feeding,
    Open,
    Opened,
    Opening,
    Pressure,
    Rest,
    RetryPolicy,
    State,
    Stored,
    Waiting,
    courtesy,
    evolve,
    next_step,
)
from actors.core.rows import rows_of
from actors.kernel import Actor, ActorStopped, Signal, Stopping, Timer
from actors.messages import NoteCursor, PersistenceMessage, Pull
from actors.stores.base import DeniedError, Row, Store, StoreError, ThrottledError
from journal.committer import JournalFailedError, JournalFullError
from journal.events import CursorAdvanced
from journal.log import Frontier, Journal, JournalClosedError
from journal.metric import Offset
from journal.reader import JournalReader, OffsetRetiredError, accepted_before
from journal.segment import JournalCorruptError
from web.ports import StoreStatus

FOLLOWING_LAG = 10_000
"""Metrics; a store that is no further behind follows, one that is catches up."""

CLOSE_WITHIN = 2.0
"""Seconds that a store has to close; one that hangs is left to the end of the process."""

CLOSE_LATE_WITHIN = 0.5
"""The same, once the time to stop is over."""

GATHER = 0.05
"""Seconds between two writes of a store that is level: each costs a sync, often of the journal's disk."""

NOTE_EVERY = 1.0
"""Seconds between two notes of a moving cursor in the journal."""

log = structlog.get_logger("persistence")


class Batch:
    """Rows on their way to the store: `cursor` is where the store is once it holds them."""

    def __init__(self, rows: Sequence[Row], cursor: Offset) -> None:
        self.rows = rows
        self.cursor = cursor


class StoreAheadError(DeniedError):
    """The store holds what the journal has never given it: new metrics would be taken for those."""

    def __init__(self, store: str, cursor: Offset, next_offset: Offset) -> None:
        super().__init__(
            store,
            f"holds everything before offset {cursor}, but the journal ends at {next_offset}: an older copy "
            "of it was put back; put the newer one back, or begin a new one in an empty directory",
        )


class StoreProgress:
    """How far a store is, as its actor knows; outlives the actor's restarts.

    Until the store has been opened, cursor and persisted are what the journal last heard.
    """

    def __init__(self, name: str, journal: Journal) -> None:
        self.name = name
        known = journal.state.cursors.get(name)
        self.cursor = known.offset if known is not None else Offset(0)
        self.persisted = known.persisted if known is not None else 0
        self.opened = False
        self.state: State = Opening()
        self._attempt = anyio.CancelScope()
        self._end = math.inf

    @contextlib.contextmanager
    def attempting(self) -> Generator[None]:
        """Cut the block off where it lasts beyond what `end_at` says, also if that is said meanwhile."""
        with anyio.CancelScope(deadline=self._end) as self._attempt:
            yield

    def end_at(self, deadline: float) -> None:
        """Attempt nothing beyond `deadline`, in seconds of the event loop's clock."""
        self._end = self._attempt.deadline = deadline

    @property
    def is_late(self) -> bool:
        """Whether the time for attempts is over."""
        return self._end <= anyio.current_time()

    @property
    def needed_from(self) -> Offset:
        """The offset from which this store still needs the journal."""
        return self.cursor if self.opened else Offset(0)

    def status(self, accepted: int) -> StoreStatus:
        """The store at a glance, `accepted` metrics being in the journal."""
        lag = accepted - self.persisted
        return StoreStatus(
            name=self.name,
            cursor=self.cursor,
            lag=lag,
            persisted=self.persisted,
            breaker="closed",
            state=self._shown(lag),
            last_error=None if isinstance(self.state, Opening) else self.state.error,
        )

    def _shown(self, lag: int) -> Literal["starting", "following", "catching-up", "waiting", "blocked"]:
        match self.state:
            case Opening():
                return "starting"
            case Waiting(kind="poison" | "denied" | "corrupt"):
                return "blocked"
            case Waiting() | Feeding(error=str()):
                return "waiting"
            case Feeding():
                return "following" if lag <= FOLLOWING_LAG else "catching-up"


class PersistenceActor(Actor[PersistenceMessage]):
    """Feeds `store`, `batch_rows` a write; at shutdown until `progress.end_at`."""

    def __init__(
        self,
        journal: Journal,
        store: Store,
        progress: StoreProgress,
        *,
        batch_rows: int,
        policy: RetryPolicy,
        pressure: Callable[[], Pressure],
    ) -> None:
        self._journal = journal
        self._store = store
        self._progress = progress
        self._batch_rows = batch_rows
        self._policy = policy
        self._pressure = pressure
        self._reader: JournalReader | None = None
        self._limit = Frontier(journal.first_offset, 0, journal.first_offset)
        self._read_ahead: list[Row] = []
        self._read_to = Offset(0)
        self._batch: Batch | None = None
        self._asleep = False
        self._stirred = False
        self._gather_until = 0.0
        self._took = 0.0
        self._timer: Timer | None = None
        self._end_watch: Callable[[], None] | None = None

    async def started(self) -> None:
        """See Actor."""
        self._progress.state = Opening()
        self._end_watch = self._journal.watch(self._committed)
        self.context.every(NOTE_EVERY, NoteCursor())
        self._pull_again()

    async def stopped(self) -> None:
        """Note the cursor a last time; let go of store and journal."""
        if self._end_watch is not None:
            self._end_watch()
        await self._note_cursor()
        await self._forget_reading()
        within = CLOSE_LATE_WITHIN if self._progress.is_late else CLOSE_WITHIN
        with anyio.move_on_after(within), contextlib.suppress(StoreError):
            await self._store.close()

    async def signalled(self, signal: Signal) -> None:
        """On the way down, bring to the store what can still be brought."""
        if isinstance(signal, Stopping):
            with self._progress.attempting():
                while isinstance(self._progress.state, Feeding) and await self._step():
                    pass

    async def receive(self, messages: Sequence[PersistenceMessage]) -> None:
        """See Actor."""
        if any(isinstance(message, NoteCursor) for message in messages):
            await self._note_cursor()
        if any(isinstance(message, Pull) for message in messages):
            self._stirred = False
            more = False
            with self._progress.attempting():
                more = await self._step()
            if more:
                rest = courtesy(self._took, self._pressure())
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
        # On the way down the mailbox is closed; what is left is drained when the signal comes.
        with contextlib.suppress(ActorStopped):
            self.context.self_ref.try_tell(Pull())

    async def _step(self) -> bool:
        """One attempt at whatever is due; False when there is nothing to do for now."""
        step = next_step(self._progress.state, self.context.clock.monotonic())
        try:
            match step:
                case Rest(seconds=seconds):
                    self._wake_in(seconds)
                    return False
                case Open():
                    await self._open()
                    return True
                case Feed(cursor=cursor):
                    return await self._feed(cursor)
        except StoreError as error:
            retry_after = error.retry_after if isinstance(error, ThrottledError) else None
            self._fail(error.kind, str(error), retry_after)
        except JournalCorruptError as error:
            self._fail("corrupt", str(error), None)
            await self._forget_reading()
        return True

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.context.after(seconds, Pull())

    def _fail(self, kind: ErrorKind, error: str, retry_after: float | None) -> None:
        now, chance = self.context.clock.monotonic(), self.context.random.uniform(0.0, 1.0)
        self._move(Failed(kind, error, now, chance, retry_after))
        log.warning(
            "the store takes no metrics: they wait in the journal",
            store=self._store.name,
            kind=kind,
            error=error,
            lag=self._lag(),
        )

    def _move(self, event: Event) -> None:
        self._progress.state = evolve(self._progress.state, event, self._policy)

    async def _open(self) -> None:
        cursor = await self._store.open(str(self._journal.id))
        begin = self._journal.first_offset
        if cursor is None and begin > 0:
            log.warning("a new store begins where the journal does", store=self._store.name, offset=begin)
        cursor = Offset(max(cursor or 0, begin))
        if cursor > self._journal.next_offset:
            raise StoreAheadError(self._store.name, cursor, self._journal.next_offset)
        self._progress.persisted = await accepted_before(
            self._journal.directory, cursor, frontier=lambda: self._journal.frontier
        )
        self._progress.cursor = cursor
        self._progress.opened = True
        await self._forget_reading()
        self._move(Opened(cursor))
        log.info("store open", store=self._store.name, cursor=cursor, lag=self._lag())

    async def _feed(self, cursor: Offset) -> bool:
        """Write the next batch; False when the store is level with the journal."""
        if self._batch is None:
            self._batch = await self._next_batch(cursor)
        batch = self._batch
        if batch.rows:
            began = self.context.clock.monotonic()
            await self._store.write(batch.rows, batch.cursor)
            self._took = self.context.clock.monotonic() - began
        self._batch = None
        self._progress.persisted += len(batch.rows)
        self._progress.cursor = batch.cursor
        if self._progress.state.attempts and batch.rows:
            log.info("store takes metrics again", store=self._store.name, lag=self._lag())
        self._move(Stored(batch.cursor))
        return bool(batch.rows)

    async def _next_batch(self, cursor: Offset) -> Batch:
        await self._move_limit()
        if self._reader is None:
            self._reader = JournalReader(self._journal.directory, cursor, frontier=lambda: self._limit)
            self._read_to = cursor
        rows = self._read_ahead
        while len(rows) < self._batch_rows:
            try:
                records = await self._reader.read()
            except OffsetRetiredError as error:
                raise JournalCorruptError("journal", 0, cursor, str(error)) from error
            if not records:
                break
            for record in records:
                rows += rows_of(record, cursor)
            self._read_to = records[-1].next_offset
        taken, self._read_ahead = rows[: self._batch_rows], rows[self._batch_rows :]
        return Batch(taken, Offset(taken[-1].offset + 1) if self._read_ahead else self._read_to)

    async def _move_limit(self) -> None:
        """Read no further than what is on the disk: a power cut must not make the journal use offsets
        again that the store has seen."""
        limit = self._journal.frontier
        if self._journal.options.durability != "fsync" and limit != self._limit:
            try:
                await self._journal.sync()
            except JournalFailedError:
                return
        self._limit = limit

    async def _forget_reading(self) -> None:
        self._batch, self._read_ahead = None, []
        if self._reader is not None:
            await self._reader.close()
            self._reader = None

    async def _note_cursor(self) -> None:
        """Journal the cursor if it moved over metrics since the last note: control events alone, of which
        the note itself is one, are not worth another."""
        if self._progress.persisted == self._noted_persisted():
            return
        with contextlib.suppress(JournalFullError, JournalFailedError, JournalClosedError):
            await self._journal.append(
                [CursorAdvanced(self._store.name, self._progress.cursor, self._progress.persisted)]
            )

    def _noted_persisted(self) -> int:
        known = self._journal.state.cursors.get(self._store.name)
        return known.persisted if known is not None else 0

    def _lag(self) -> int:
        return self._journal.state.accepted - self._progress.persisted
