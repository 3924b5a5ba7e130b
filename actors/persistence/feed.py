"""What a store is fed from: the journal, a batch of rows at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from actors.core.rows import holes_of, rows_of
from actors.core.search import Search, begin
from actors.persistence.burial import Blame
from actors.stores.base import Row
from journal.committer import JournalFailedError
from journal.events import Snapshot, UnknownEventError
from journal.framing import Record
from journal.log import Frontier, Journal
from journal.metric import Nanoseconds, Offset
from journal.reader import JournalReader, OffsetRetiredError, reading_own
from journal.segment import JournalCorruptError
from journal.state import LostRange

MOST_BYTES = 16 * 1024 * 1024
"""Bytes of journal in a batch, about: metrics may be of any size."""

LATEST = 2_000
"""Offsets at the journal's end."""


class Batch:
    """Rows on their way to the store, and how far that has come; `end` is where the store is once every row
    is settled. Rows whose offset is in `dead` are dead letters and not to be sent. Before the rows are
    `holes`, which the journal has lost. `accepted` metrics were accepted before `end`, where that is known.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        end: Offset,
        holes: Sequence[LostRange] = (),
        accepted: int | None = None,
    ) -> None:
        self.rows = rows
        self.end = end
        self.holes = list(holes)
        self.accepted = accepted
        self.search = begin(len(rows))
        self.dead: set[Offset] = set()
        self.put_off: dict[int, Blame] = {}
        """Why rows were put off, by their places."""
        self.tried_again = False
        """Whether those have had one more attempt, after others had passed."""
        self.stored = 0
        """Writes that have passed."""
        self.reached: Offset | None = None
        """The cursor of the last of them."""
        self.given_back = False
        """Whether it is to be read again, with what has come since."""

    def head(self) -> list[Row]:
        """The rows of the search's first piece."""
        piece = self.search.pieces[0]
        rows = self.rows[piece.start : piece.end]
        return [row for row in rows if row.offset not in self.dead] if self.dead else list(rows)

    def places(self, offsets: Collection[Offset]) -> list[int]:
        """Where in the search's first piece the rows at `offsets` are, ascending."""
        piece = self.search.pieces[0]
        return [place for place in range(piece.start, piece.end) if self.rows[place].offset in offsets]

    def cursor(self, search: Search) -> Offset:
        """Where the store's cursor is when `search` says how far things are."""
        first = search.first_unsettled
        return self.end if first is None else self.rows[first].offset


class JournalFeed:
    """Reads `journal` in order, ahead of what is taken. Raises JournalCorruptError, UnknownEventError."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._reader: JournalReader | None = None
        self._limit = Frontier(journal.first_offset, 0, journal.first_offset)
        self._ahead: list[Row] = []
        self._records: deque[Record] = deque()
        self._read_to = Offset(0)
        self._accepted: int | None = None
        """Metrics accepted before `_read_to`, once a snapshot has said so."""

    async def next(self, cursor: Offset, most: int) -> Batch:
        """At most `most` rows, and about MOST_BYTES of journal, from `cursor` on, which is where the last
        batch ended unless `forget` was called since; none where the store is level. It ends where the journal
        has lost something, which the next one begins with."""
        await self._move_limit()
        if self._reader is None:
            self._reader = JournalReader(self._journal.directory, cursor, frontier=lambda: self._limit)
            self._read_to = cursor
        rows, size, holes = self._ahead, 0, list[LostRange]()
        try:
            while len(rows) < most and size < MOST_BYTES and await self._more(self._reader, cursor):
                record = self._records[0]
                lost = holes_of(record)
                if lost and rows:
                    break
                holes += lost
                found = rows_of(record, cursor)
                self._count(record, len(found) + sum(hole.metrics for hole in lost))
                rows += found
                size += record.size
                self._read_to = self._records.popleft().next_offset
        except (JournalCorruptError, UnknownEventError):
            # What stands before a damage is brought to the store; the next batch begins with it.
            if not rows and not holes:
                raise
        taken, self._ahead = rows[:most], rows[most:]
        end = Offset(taken[-1].offset + 1) if self._ahead else self._read_to
        accepted = None if self._accepted is None else self._accepted - len(self._ahead)
        return Batch(taken, end, holes, accepted)

    async def _more(self, reader: JournalReader, cursor: Offset) -> bool:
        """Whether there is a record to take up."""
        if not self._records:
            try:
                self._records.extend(await reader.read())
            except OffsetRetiredError as error:
                raise JournalCorruptError("journal", 0, cursor, str(error)) from error
        return bool(self._records)

    def _count(self, record: Record, metrics: int) -> None:
        if not record.plain:
            for event in record.events():
                if isinstance(event, Snapshot):
                    self._accepted = event.state.accepted
        if self._accepted is not None:
            self._accepted += metrics

    async def waiting_since(self, cursor: Offset) -> Nanoseconds:
        """When the first metric from `cursor` on, or the first that is left, was accepted; 0 if there is
        none, or none that can be read."""
        try:
            batch = await self.next(Offset(max(cursor, self._journal.first_offset)), 1)
        except JournalCorruptError:
            return 0
        finally:
            await self.forget()
        return batch.rows[0].accepted_at if batch.rows else 0

    async def latest(self) -> list[Row]:
        """The metrics among the last LATEST offsets. Raises JournalCorruptError."""
        begin = Offset(max(self._journal.first_offset, self._journal.next_offset - LATEST))
        rows: list[Row] = []
        async with reading_own(self._journal, begin) as reader:
            while records := await reader.read():
                for record in records:
                    rows += rows_of(record, begin)
        return rows

    async def forget(self) -> None:
        """Let go of what was read ahead; the next batch may begin anywhere."""
        self._ahead = []
        self._records.clear()
        self._accepted = None
        if self._reader is not None:
            await self._reader.close()
            self._reader = None

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
