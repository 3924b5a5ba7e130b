"""The metrics of a part, in order, as rows; and how many there are, without any store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing

import msgspec

from actors.core.rows import rows_of
from actors.dead_letters.offsets import dead_offsets
from actors.replay.part import Part
from actors.stores.base import Row
from journal.events import OffsetsLost
from journal.framing import Record
from journal.metric import Metric, Nanoseconds, Offset
from journal.reader import CHUNK, reading
from journal.segment import JournalCorruptError


class Piece(msgspec.Struct, frozen=True):
    """`rows` in order of their offsets: all that are to be sent of what lies before `end` and was not in the
    piece before. `left_out` are dead letters, `lost` metrics that `journal repair` could not save."""

    rows: Sequence[Row]
    end: Offset
    left_out: int = 0
    lost: int = 0


class Count(msgspec.Struct, frozen=True):
    """What a part holds: metrics to send, and of which offsets and times of acceptance."""

    metrics: int = 0
    left_out: int = 0
    lost: int = 0
    first_offset: Offset | None = None
    last_offset: Offset | None = None
    first_time: Nanoseconds | None = None
    last_time: Nanoseconds | None = None

    def plus(self, piece: Piece) -> Count:
        """With `piece`, which comes next."""
        rows = piece.rows
        times = [rows[0].accepted_at, rows[-1].accepted_at] if rows else []
        return Count(
            self.metrics + len(rows),
            self.left_out + piece.left_out,
            self.lost + piece.lost,
            rows[0].offset if rows and self.first_offset is None else self.first_offset,
            rows[-1].offset if rows else self.last_offset,
            times[0] if times and self.first_time is None else self.first_time,
            times[-1] if times else self.last_time,
        )


class Letters(msgspec.Struct, frozen=True):
    """What the dead-letter queue knows of a store: metrics that it refused and does not hold, by their
    offsets, and those that a person has edited before they were stored."""

    refused: Collection[int] = frozenset[int]()
    edited: Mapping[int, Metric] = {}


async def letters_of(directory: str, store: str) -> Letters:
    """The letters of `store` in the queue's journal in `directory`, as far as that goes back; where there is
    none, there are none. Raises JournalCorruptError."""
    dead = await dead_offsets(directory, store)
    return Letters(frozenset(dead.offsets), dead.edited)


async def pieces(part: Part, letters: Letters) -> AsyncGenerator[Piece]:
    """All of `part` but the letters that were refused, in pieces of about 2,000 metrics.

    Raises JournalCorruptError behind all that comes before the damage, UnknownEventError, OffsetRetiredError
    where retention was faster.
    """
    wanted = part.selection.metric_test()
    in_time = _time_test(part)
    async with aclosing(_records(part)) as found:
        async for records in found:
            rows: list[Row] = []
            lost = 0
            for record in records:
                if record.base < part.end and in_time(record):
                    rows += _cut(rows_of(record, part.begin), record, part.end)
                    lost += 0 if record.plain else _lost(record)
            if wanted is not None:
                rows = [row for row in rows if wanted(row.metric)]
            known = len(rows)
            if letters.refused:
                rows = [row for row in rows if row.offset not in letters.refused]
            left_out = known - len(rows)
            if letters.edited:
                rows = [_as_stored(row, letters.edited) for row in rows]
            yield Piece(rows, Offset(min(records[-1].next_offset, part.end)), left_out, lost)
    if (damage := part.damage) is not None:
        raise JournalCorruptError(damage.segment, damage.byte, damage.offset, damage.what)


async def _records(part: Part) -> AsyncGenerator[list[Record]]:
    """Every record of `part`, up to the very one that is damaged: near that, one at a time."""
    position = part.begin
    for size in (CHUNK, 1):
        try:
            async with reading(part.directory, position) as reader:
                while position < part.end and (records := await reader.read(size)):
                    position = records[-1].next_offset
                    yield records
        except JournalCorruptError:
            if size == 1:
                raise
        else:
            return


def _time_test(part: Part) -> Callable[[Record], bool]:
    since, until = part.selection.since.time, part.selection.until.time
    return lambda record: (since is None or record.time >= since) and (until is None or record.time < until)


def _cut(rows: list[Row], record: Record, end: Offset) -> list[Row]:
    return [row for row in rows if row.offset < end] if record.next_offset > end else rows


def _lost(record: Record) -> int:
    return sum(event.metrics for event in record.events() if isinstance(event, OffsetsLost))


def _as_stored(row: Row, edited: Mapping[int, Metric]) -> Row:
    return row._replace(metric=edited[row.offset]) if row.offset in edited else row
