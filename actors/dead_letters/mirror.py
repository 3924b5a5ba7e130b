"""What the tables of dead letters in the stores are told: the queue's journal, event by event.

The queue remembers how far each store's table is, so an outage of any length costs nothing but a later
update. A letter that has left by the time it is mirrored is told as it left.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from actors.dead_letters.payloads import read_letters
from actors.stores.base import LetterRow
from journal.events import (
    DeadLetterRetried,
    DeadLettersDiscarded,
    DeadLettersExpired,
    DeadLettersRedriven,
    MetricDeadLettered,
    offsets_of,
)
from journal.log import Journal
from journal.metric import Metric, Nanoseconds, Offset
from journal.reader import reading_own
from journal.state import DeadLetter, LetterStatus

MOST = 500
"""Letters mirrored at a time, about."""


class _Touched(NamedTuple):
    status: LetterStatus
    at: Nanoseconds
    attempts: int
    edited: Metric | None


class Changes(NamedTuple):
    """What to mirror, so that a store's table is up to date before `before` of the queue's journal."""

    letters: list[LetterRow]
    before: Offset


async def changes(journal: Journal, store: str, start: Offset, main: Journal) -> Changes:
    """What became of the letters of `store` from offset `start` of the queue's journal on, some of it where
    it is much. A letter whose metric is lost, in the `main` journal too, is left as it is in the table.
    Raises JournalCorruptError."""
    touched: dict[Offset, _Touched] = {}
    known: dict[Offset, MetricDeadLettered] = {}
    begin = Offset(max(start, journal.first_offset))
    before = begin
    async with reading_own(journal, begin) as reader:
        while len(touched) < MOST and (records := await reader.read()):
            for record in records:
                for at, event in offsets_of(record.events(), record.base):
                    if at >= begin:
                        _touch(touched, known, store, at, event, record.time)
                before = record.next_offset
    known |= await read_letters(journal, touched.keys() - known.keys(), main)
    waiting = journal.state.dead_letters
    # That a letter was retried does not say of which store it is.
    mine = [each for each in sorted(touched) if each in known and known[each].store == store]
    rows = [_row(known[each], touched[each], waiting.get(each)) for each in mine]
    # One row a metric: where it was buried twice, the later letter tells.
    return Changes(list({row.offset: row for row in rows}.values()), Offset(before))


def _touch(
    touched: dict[Offset, _Touched],
    known: dict[Offset, MetricDeadLettered],
    store: str,
    at: Offset,
    event: object,
    time: Nanoseconds,
) -> None:
    match event:
        case MetricDeadLettered() if event.store == store:
            known[at] = event
            touched[at] = _Touched("pending", time, event.attempts, None)
        case DeadLetterRetried(edited=None):
            before = touched.get(event.id)
            attempts = before.attempts + 1 if before is not None else 0
            touched[event.id] = _Touched("pending", time, attempts, None)
        case DeadLettersRedriven() if event.store == store:
            _left(touched, event.ids, "redriven", time, event.edited)
        case DeadLettersDiscarded() if event.store == store:
            _left(touched, event.ids, "discarded", time, None)
        case DeadLettersExpired() if event.store == store:
            _left(touched, event.ids, "expired", time, None)
        case _:
            pass


def _left(
    touched: dict[Offset, _Touched],
    ids: list[Offset],
    status: LetterStatus,
    time: Nanoseconds,
    edited: Metric | None,
) -> None:
    for each in ids:
        before = touched.get(each)
        attempts = before.attempts if before is not None else 0
        touched[each] = _Touched(status, before.at if before is not None else time, attempts, edited)


def _row(event: MetricDeadLettered, touched: _Touched, waiting: DeadLetter | None) -> LetterRow:
    row = LetterRow(
        offset=event.offset,
        accepted_at=event.accepted_at,
        metric=touched.edited or event.metric,
        cause=event.cause,
        error=event.error,
        attempts=max(touched.attempts, event.attempts),
        status=touched.status,
        first_failed_at=event.first_failed_at,
        last_failed_at=max(touched.at, event.first_failed_at),
    )
    if waiting is None:
        return row
    return replace(
        row,
        cause=waiting.cause,
        error=waiting.error,
        attempts=waiting.attempts,
        status="pending",
        last_failed_at=waiting.last_failed_at,
    )
