"""A journal and what must be in it: a list, and the appends of which nobody can say yet.

The promise that the model holds the journal to, `found` being what a process finds when it opens it:

- what was acknowledged (with durability fsync), or covered by a `sync` that returned, is found;
- so is what another process found before: no answer is taken back;
- an append that was refused is found only if nothing was acknowledged after it: otherwise it was wiped;
- with the other durabilities a suffix of what was not synced may be missing, nothing before it;
- each append is found whole or not at all, once, in order, and at the offset that was told.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from journal.events import CursorAdvanced, MetricsAccepted, Snapshot, offsets_of
from journal.framing import Record
from journal.log import Journal, JournalFailedError, JournalFullError, Options
from journal.metric import Offset
from tests.journal.building import clock, folded, metrics, read_journal
from tests.journal.opening import DIRECTORY
from tests.journal.platter import Choose
from tests.journal.simdisk import SimDisk

SEGMENT_BYTES = 8192
PER_APPEND = 100
"""Values are number * PER_APPEND + index, so that each tells where it belongs."""


@dataclass
class Sent:
    """One append, by its number; `offset` once it is known."""

    number: int
    count: int
    offset: int | None = None


@dataclass
class Model:
    """The journal under test, beside what is known of it."""

    options: Options
    disk: SimDisk = field(default_factory=SimDisk)
    journal: Journal | None = None
    numbers: int = 0
    certain: list[Sent] = field(default_factory=list)
    """Must be found."""
    unsynced: list[Sent] = field(default_factory=list)
    """Acknowledged, not synced: a prefix of them must be found at most."""
    refused: list[Sent] = field(default_factory=list)
    """May be found, as nothing was acknowledged since."""
    retired_before: int = 0
    """No offset from here on was ever given to retention."""

    kill_only: bool = False
    """What ends in the middle of a step is the process, not the power."""

    async def open(self) -> None:
        """Open what the disk holds, and check it against what is known."""
        try:
            self.journal = await Journal.open(DIRECTORY, options=self.options, fs=self.disk, now=clock())
        except (OSError, JournalFailedError):
            # A fault, or no room: the next process has another disk, and room.
            self.disk = self.disk.killed()
            self.disk.capacity = None
            self.journal = await Journal.open(DIRECTORY, options=self.options, fs=self.disk, now=clock())
        self._check(self.journal)

    def _check(self, journal: Journal) -> None:
        records = read_journal(self.disk, DIRECTORY)
        if records[-1].base == journal.next_offset and len(records) > 1:
            # A roll whose record was then refused: the snapshot is there, and is told with the next commit.
            assert isinstance(records[-1].events()[0], Snapshot)
            assert folded(records[:-1]) == journal.state
        else:
            assert records[-1].next_offset == journal.next_offset
            assert folded(records) == journal.state
        for record, following in pairwise(records):
            assert following.base == record.next_offset
        begin = records[0].base
        assert begin <= self.retired_before
        found = _sent_in(records)
        known = {sent.number: sent for sent in (*self.certain, *self.unsynced, *self.refused)}
        for sent in found:
            assert sent.number in known, f"append {sent.number} is found, though it was refused and wiped"
            told = known[sent.number]
            assert sent.count == told.count, f"append {sent.number} is found in part"
            assert told.offset in (None, sent.offset), f"append {sent.number} has another offset"
        numbers = [sent.number for sent in found]
        assert len(set(numbers)) == len(numbers), "an append is found twice"
        for sent in self.certain:
            if sent.offset is not None and sent.offset >= begin:
                assert sent.number in numbers, f"append {sent.number} was acknowledged, and is lost"
        lost = [sent.number not in numbers for sent in self.unsynced if (sent.offset or 0) >= begin]
        assert lost == sorted(lost), "an unsynced append is lost, but not the one after it"
        self.certain, self.unsynced, self.refused = found, [], []

    async def append(self, counts: Sequence[int], text: int) -> None:
        """Append so many metrics at once, each count on its own, all at the same time."""
        assert self.journal is not None
        sent = [Sent(self.numbers + i, count) for i, count in enumerate(counts)]
        self.numbers += len(counts)
        waiting = [
            self.journal.append([metrics(each.number * PER_APPEND, each.count, text=text)]) for each in sent
        ]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        for each, outcome in zip(sent, outcomes, strict=True):
            if isinstance(outcome, JournalFullError | JournalFailedError):
                self.refused.append(each)
                continue
            assert not isinstance(outcome, BaseException), outcome
            each.offset = outcome.first_offset
            self._acknowledged(each)

    def _acknowledged(self, sent: Sent | None) -> None:
        self.refused = []
        if sent is not None:
            (self.certain if self.options.durability == "fsync" else self.unsynced).append(sent)

    async def control(self, size: int) -> None:
        """Append a control event."""
        assert self.journal is not None
        try:
            await self.journal.append([CursorAdvanced("x" * size, Offset(0), 0)])
        except (JournalFullError, JournalFailedError):
            return
        self._acknowledged(None)

    async def prepare(self) -> None:
        """Make a spare."""
        assert self.journal is not None
        try:
            await self.journal.prepare()
        except JournalFailedError:
            return

    async def sync(self) -> None:
        """Sync: what was not yet synced is certain then."""
        assert self.journal is not None
        try:
            await self.journal.sync()
        except (JournalFullError, JournalFailedError):
            return
        self.certain += self.unsynced
        self.unsynced = []

    async def retire(self, count: int) -> None:
        """Retire the `count` oldest segments."""
        assert self.journal is not None
        gone = [segment.first_offset for segment in self.journal.segments[:-1][:count]]
        if not gone:
            return
        self.retired_before = max(self.retired_before, self.journal.segments[len(gone)].first_offset)
        try:
            await self.journal.retire(gone)
        except (OSError, JournalFullError, JournalFailedError):
            return

    async def close(self) -> None:
        """Close in good order."""
        assert self.journal is not None
        await self.journal.close()

    async def reopen(self) -> None:
        """Close in good order, and open again: after which even what was not synced must be there."""
        await self.close()
        self.disk = self.disk.killed()
        await self.open()

    async def kill(self) -> None:
        """The process dies; the machine goes on."""
        left, self.disk = self.disk, self.disk.killed()
        await self._abandon(left)
        await self.open()

    async def lose_power(self, choose: Choose) -> None:
        """The machine dies."""
        left, self.disk = self.disk, self.disk.crash(choose)
        await self._abandon(left)
        await self.open()

    async def _abandon(self, left: SimDisk) -> None:
        """End the threads of a journal whose process is dead; its disk is nobody's by now."""
        left.cut_power_after(0)
        await self.close()


def _sent_in(records: Sequence[Record]) -> list[Sent]:
    found: list[Sent] = []
    for record in records:
        for offset, event in offsets_of(record.events(), record.base):
            if isinstance(event, MetricsAccepted):
                values = [int(metric.value) for metric in event.metrics]
                number = values[0] // PER_APPEND
                assert values == [number * PER_APPEND + i for i in range(len(values))]
                found.append(Sent(number, len(values), offset))
    return found


def chooser(seed: int) -> Choose:
    """What is lost: 0 nothing that can be kept, 1 everything that can be lost, otherwise at random."""
    if seed < 2:
        return lambda options: (options - 1, 0)[seed]
    return random.Random(seed).randrange
