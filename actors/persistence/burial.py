"""The way from a store to the dead-letter queue, as the persistence actor goes it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

import structlog

from actors.dead_letters.answers import UNANSWERED
from actors.dead_letters.offsets import dead_offsets
from actors.kernel import ActorRef, ActorStopped
from actors.messages import (
    Bury,
    DeadLettersMessage,
    LettersMirrored,
    LettersWritten,
    StoreRecovered,
    StoreWentBack,
)
from actors.stores.base import PoisonError, Row
from journal.events import DeadLetterRetried, MetricDeadLettered, encoder
from journal.metric import Nanoseconds, Offset
from journal.state import LostRange

BURY_AT_ONCE = 500
"""Dead letters that the queue is given at a time, at most."""

BURY_BYTES = 4 * 1024 * 1024
"""Bytes that they may come to, unless one alone has more: a record is read back whole."""

TELL_EVERY = 5_000_000_000
"""Nanoseconds between two lines about dead letters."""

BURY_WITHIN = 30.0
"""Seconds that the queue has to keep a dead letter."""

log = structlog.get_logger("dead-letters")

WEATHER = "weather"
"""The cause of a dead letter with which nothing is known to be wrong."""


class Blame(NamedTuple):
    """The metric at `offset` is refused, after so many attempts: the cause, short and stable, and what the
    store said."""

    offset: Offset
    cause: str
    error: str
    attempts: int = 1

    @property
    def is_weather(self) -> bool:
        """Whether nothing is known to be wrong with the metric."""
        return self.cause == WEATHER


class BurialFailedError(Exception):
    """The dead-letter queue cannot keep what a store refuses; the cursor stays before it."""

    def __init__(self, store: str, reason: Exception) -> None:
        super().__init__(f"the dead-letter queue cannot keep what {store} refuses: {reason}")


def blamed(rows: Sequence[Row], error: PoisonError) -> list[Blame]:
    """Which of `rows` are to blame for `error`, as far as is known: those that it names, or the only one."""
    sent = {row.offset for row in rows}
    named = [Blame(each.offset, each.cause, each.detail) for each in error.refusals if each.offset in sent]
    if named or len(rows) != 1:
        return named
    return [Blame(rows[0].offset, error.cause, error.detail)]


def handfuls(letters: Sequence[MetricDeadLettered]) -> Iterator[list[MetricDeadLettered]]:
    """`letters` in order, at most BURY_AT_ONCE and BURY_BYTES at a time; one that is larger goes alone."""
    some, size = list[MetricDeadLettered](), 0
    for letter in letters:
        length = len(encoder.encode(letter))
        if some and (len(some) == BURY_AT_ONCE or size + length > BURY_BYTES):
            yield some
            some, size = [], 0
        some.append(letter)
        size += length
    if some:
        yield some


class Burial:
    """Where `store` brings what it can never take: `queue`, the dead-letter queue, whose journal is in
    `directory`; None where there is none. `now` is the time of day in nanoseconds."""

    def __init__(
        self,
        store: str,
        directory: str,
        queue: ActorRef[DeadLettersMessage] | None,
        now: Callable[[], Nanoseconds],
    ) -> None:
        self._store = store
        self._directory = directory
        self._queue = queue
        self._ahead: set[Offset] = set()
        self._told_at: Nanoseconds = 0
        self._untold = 0
        self._now = now

    @property
    def enabled(self) -> bool:
        """Whether there is a queue."""
        return self._queue is not None

    async def look(self, cursor: Offset) -> int:
        """How many metrics before `cursor` are, or were, dead letters and are not in the store; those behind
        it are remembered, for `known_among`. Raises JournalCorruptError."""
        dead = await dead_offsets(self._directory, self._store)
        self._ahead = {Offset(offset) for offset in dead.offsets if offset >= cursor}
        return dead.total - len(self._ahead)

    async def settled(
        self, hole: LostRange, until: Offset, held: Callable[[Offset, Offset], Awaitable[int]]
    ) -> int:
        """How many metrics of `hole` before `until` the store holds, as `held` tells, or are dead letters and
        not in it. Raises StoreError, JournalCorruptError."""
        dead = await dead_offsets(self._directory, self._store)
        buried = sum(hole.first <= offset < until for offset in dead.offsets)
        return min(hole.metrics, buried + await held(hole.first, until))

    def known_within(self, first: Offset, until: Offset) -> int:
        """How many metrics in `[first, until)`, which the journal has lost, are dead letters already."""
        found = {offset for offset in self._ahead if first <= offset < until}
        self._ahead -= found
        return len(found)

    def known_among(self, rows: Sequence[Row]) -> set[Offset]:
        """The offsets of those of `rows` that are dead letters already: a crash came between burying them
        and moving the cursor."""
        if not self._ahead or not rows:
            return set()
        found = {row.offset for row in rows} & self._ahead
        self._ahead -= found
        return found

    async def bury(self, found: Sequence[Blame], rows: Sequence[Row]) -> None:
        """Make dead letters of those of `rows` that are to blame, durably. Raises BurialFailedError."""
        by_offset = {row.offset: row for row in rows}
        assert self._queue is not None
        now = self._now()
        letters = [
            MetricDeadLettered(
                self._store,
                blame.offset,
                by_offset[blame.offset].accepted_at,
                by_offset[blame.offset].metric,
                blame.cause,
                blame.error,
                blame.attempts,
                now,
                blame.is_weather,
            )
            for blame in found
        ]
        try:
            for some in handfuls(letters):
                await self._queue.ask(Bury(self._store, some), BURY_WITHIN)
        except UNANSWERED as error:
            raise BurialFailedError(self._store, error) from error
        for blame in found:
            self._tell_people(blame, by_offset[blame.offset], now)

    def _tell_people(self, blame: Blame, row: Row, now: Nanoseconds) -> None:
        """A line for a dead letter, unless there has been one of late: a thousand say no more than one."""
        self._untold += 1
        if now - self._told_at < TELL_EVERY:
            return
        log.warning(
            "dead letter: look with `forebay dlq ls`",
            store=self._store,
            offset=blame.offset,
            metric=row.metric.name,
            cause=blame.cause,
            error=blame.error,
            since_last_line=self._untold,
        )
        self._told_at, self._untold = now, 0

    def recovered(self) -> None:
        """Tell the queue that the store is back."""
        self._tell(StoreRecovered(self._store))

    def written(self, stored: Sequence[Offset], refused: Sequence[DeadLetterRetried]) -> None:
        """Tell the queue what came of letters that were sent again, by their ids."""
        self._tell(LettersWritten(self._store, stored, refused))

    def went_back(self) -> None:
        """Tell the queue that the store was emptied, or put back to an older copy."""
        self._tell(StoreWentBack(self._store))

    def mirrored(self, start: Offset, before: Offset | None) -> None:
        """Tell the queue up to where of its journal the store's table, which was at `start`, is now; None: it
        could not be reached."""
        self._tell(LettersMirrored(self._store, start, before))

    def _tell(self, message: DeadLettersMessage) -> None:
        if self._queue is not None:
            with contextlib.suppress(ActorStopped):
                self._queue.try_tell(message)
