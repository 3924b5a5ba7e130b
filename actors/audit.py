"""`forebay audit`: prove `accepted = persisted + dead-lettered + pending`, journal against every store.

Reads the journal once and the stores by ranges, in memory that the dead letters alone can make more of;
changes nothing and needs no lock, so it can be run on a stopped process's directory and beside a running one.

What `journal repair` had to give up is in the account as `lost`, where a store had not been given it in time.
It is no error of the account, which balances with it, but it was accepted and is not there: whoever has the
audit run by a clock must hear of it, and not only whoever reads what it prints. So the command leaves with 1
then, too, until somebody says that it is known (--accept-lost).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from actors.core.accounts import Audit, Retired, StoreAccount, closed
from actors.core.audit import Account, Letters, repeats
from actors.core.dead_letters import DAY
from actors.core.window import Window
from actors.dead_letters.offsets import DeadOffsets, dead_offsets
from actors.stores.base import HistoryStore
from journal.framing import Record
from journal.inspect import verify_newest
from journal.metric import Nanoseconds, Offset
from journal.reader import JournalReader, OffsetRetiredError, journal_id_of, reading, segment_offsets
from journal.replay import fold
from journal.segment import JournalCorruptError, segment_name
from journal.state import CursorState, State

__all__ = ["Audit", "audit", "journal_bytes"]

WINDOW_BYTES = 1024 * 1024
"""Bytes of journal compared at a time: about 10,000 metrics."""

LAST_OFFSET = Offset(2**63 - 1)


class _Skipped(NamedTuple):
    """`metrics` in `[start, until)` that retention has taken."""

    start: Offset
    until: Offset
    metrics: int


class _Pass:
    """One pass over the journal in `directory`, from its beginning to where it ends by then."""

    def __init__(self, directory: str, read: Callable[[int], None] | None) -> None:
        self.state = State()
        self.first = self.end = Offset(0)
        self.surplus = 0
        """Metrics that seemed lost, and that a later snapshot knows to be none."""
        self.skipped: list[tuple[Offset, Offset]] = []
        """What was retired while it was under way, behind `first`."""
        self.skipped_metrics = 0
        self._directory = directory
        self._read = read
        self._bytes = 0

    async def steps(self) -> AsyncIterator[Window | _Skipped]:
        """What there is, and what is not there any more, in order. Raises NoJournalError,
        JournalCorruptError, UnknownEventError."""
        start = self.first = segment_offsets(self._directory)[0]
        while True:
            try:
                async with reading(self._directory, start) as reader:
                    while records := await reader.read(WINDOW_BYTES):
                        if self.end < start:
                            yield self._skip(records[0])
                        yield self._take(records)
                    return
            except OffsetRetiredError as error:
                start = Offset(max(self.end, error.first_offset))
                self.first = self.first if self.end > self.first else start

    def _skip(self, head: Record) -> _Skipped:
        """A segment begins with a snapshot, which says what was before it."""
        before = self.state.accepted
        self.state = fold(self.state, (head,))
        metrics = self.state.accepted - before
        self.skipped_metrics += metrics
        if self.end > self.first:
            self.skipped.append((self.end, head.base))
        return _Skipped(self.end, head.base, metrics)

    def _take(self, records: list[Record]) -> Window:
        for record in records:
            before = self.state.accepted
            self.state = fold(self.state, (record,))
            self.surplus += max(0, before - self.state.accepted)
            self.end = record.next_offset
            self._bytes += record.size
        if self._read is not None:
            self._read(self._bytes)
        return Window(records)


async def audit(
    directory: str,
    dead_letters: str,
    stores: Sequence[HistoryStore],
    *,
    quick: bool = False,
    keep_days: float | None = None,
    now: Callable[[], Nanoseconds] = time.time_ns,
    read: Callable[[int], None] | None = None,
) -> Audit:
    """Compare the journal in `directory`, and that of the queue in `dead_letters`, with each of `stores`: row
    by row, or by offset alone if `quick`. They drop what is older than `keep_days`, if that is not None.

    `read` is told how many bytes of the journal have been compared. Raises NoJournalError,
    JournalCorruptError, UnknownEventError, StoreError.
    """
    journal_id = journal_id_of(directory)
    # Whoever reads the newest segment takes a damage in it for the end of what has been written.
    for finding in await asyncio.to_thread(verify_newest, directory):
        if finding.gravity == "corrupt":
            raise JournalCorruptError(finding.segment, finding.byte, finding.offset, finding.what)
    # The cursors first: what is stored while the journal is read is then found, not missed. Then the letters:
    # what is before a cursor was buried before the cursor passed it.
    sides: list[_Side] = []
    for store in stores:
        cursor = await store.look(journal_id)
        sides.append(
            _Side(store, cursor, await dead_offsets(dead_letters, store.name), _before(keep_days, now))
        )
    going = _Pass(directory, read)
    corrected = 0
    async for step in going.steps():
        for side in sides:
            if isinstance(step, Window):
                await side.compare(step, quick=quick)
                side.account.corrected(going.surplus - corrected)
            else:
                await side.skip(step)
        corrected = going.surplus
    for side in sides:
        await side.beyond(directory, going.end)
        if side.account.doubtful:
            found = await dead_offsets(dead_letters, side.store.name)
            side.account.settle(Letters(found.offsets, found.edited, found.sent))
    return Audit(
        journal_id,
        going.first,
        going.end,
        going.state.accepted,
        going.skipped_metrics,
        [side.closed(going.state.cursors, going.end, keeps_all=keep_days is None) for side in sides],
        quick,
        tuple(going.skipped),
    )


def _before(keep_days: float | None, now: Callable[[], Nanoseconds]) -> Nanoseconds | None:
    """A time before which a store that keeps so many days may have dropped what it held: they go whole."""
    return None if keep_days is None else now() - max(1, math.ceil(keep_days)) * DAY


class _Side:
    """One store, whose cursor is `cursor`, on its way through the audit."""

    def __init__(
        self,
        store: HistoryStore,
        cursor: Offset | None,
        dead: DeadOffsets,
        dropped_before: Nanoseconds | None,
    ) -> None:
        self.store = store
        self._cursor = cursor
        self._letters = Letters(dead.offsets, dead.edited, dead.sent)
        # The queue remembers how many were never stored, also where it cannot name them any more.
        self._dead_retired = dead.total - len(dead.offsets)
        self._retired = Retired()
        self.account = Account(cursor or Offset(0), self._letters, dropped_before)

    async def compare(self, window: Window, *, quick: bool) -> None:
        """Compare `window` with what the store holds in its place."""
        self.account.begin(window)
        if self._cursor is not None and quick:
            async for offsets in self.store.offsets(window.start, window.until):
                self.account.take_offsets(offsets)
        elif self._cursor is not None:
            async for rows in self.store.rows(window.start, window.until):
                self.account.take_rows(rows)
        self.account.end()

    async def skip(self, skipped: _Skipped) -> None:
        """Count what the store holds of what nobody can compare any more."""
        start, until, metrics = skipped
        self._dead_retired += len(self._letters.between(start, until))
        held, twice, last = self._retired.held, self._retired.twice, -1
        if self._cursor is not None and metrics:
            async for run in self.store.offsets(start, until):
                again = repeats([last, *run])
                held += len(run) - len(again)
                twice = twice.plus(again)
                last = run[-1]
        self._retired = Retired(self._retired.metrics + metrics, held, twice)

    async def beyond(self, directory: str, end: Offset) -> None:
        """Find what the store holds from `end` on, where the journal ended, but for what has come since: the
        journal has a metric before any store does."""
        if self._cursor is None:
            return
        async with reading(directory, end) as reader:
            async for run in self.store.offsets(end, LAST_OFFSET):
                if not await _reaches(reader, run[-1]):
                    self.account.beyond([offset for offset in run if offset >= reader.next_offset])

    def closed(self, known: Mapping[str, CursorState], end: Offset, *, keeps_all: bool) -> StoreAccount:
        """The account, `known` being the last notes of the cursors in the journal, which ends at `end`."""
        noted = known.get(self.store.name, CursorState(Offset(0), 0))
        retired = replace(self._retired, dead=self._dead_retired, lost=max(0, noted.lost - self.account.lost))
        cursor = self._cursor or Offset(0)
        return closed(self.store.name, cursor, end, self.account, retired, keeps_all=keeps_all)


async def _reaches(reader: JournalReader, offset: int) -> bool:
    """Read on, to `offset` or to the journal's end; whether it has that offset."""
    try:
        while reader.next_offset <= offset and await reader.read(WINDOW_BYTES):
            pass
    except OffsetRetiredError as error:
        # It has gone on that far meanwhile that even this is retired.
        return error.first_offset > offset
    return reader.next_offset > offset


def journal_bytes(directory: str) -> int:
    """How large the journal is, spare room in its newest segment included. Raises NoJournalError."""
    sizes = 0
    for first in segment_offsets(directory):
        with contextlib.suppress(FileNotFoundError):
            sizes += os.path.getsize(os.path.join(directory, segment_name(first)))
    return sizes
