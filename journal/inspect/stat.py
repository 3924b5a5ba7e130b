"""What is in a journal: how much of what, from whom, when; where its stores are; how fast it grows.

One pass over the part that was asked for, in bounded memory, and one over the newest segment, for what the
journal folds to.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from journal.events import UnknownEventError, width
from journal.framing import Record
from journal.inspect.counting import Counts
from journal.inspect.dump import Found, Reading, stretches_between
from journal.inspect.findings import Finding
from journal.inspect.folder import segment_sizes, writer_of
from journal.inspect.growth import Disk
from journal.inspect.history import Past, PastDamagedError, state_at
from journal.inspect.lean import LeanEvent, lean_events
from journal.inspect.selection import Bound, Selection
from journal.metric import Nanoseconds, Offset
from journal.state import BreakerState, CursorState, State


class Waiting(msgspec.Struct, frozen=True):
    """A metric that a store does not have yet."""

    offset: Offset
    accepted_at: Nanoseconds


class StoreStat(msgspec.Struct, frozen=True):
    """Where a store is: its `lag` in metrics, and the `oldest` of these, where it can be read."""

    name: str
    cursor: CursorState
    lag: int
    breaker: BreakerState
    oldest: Waiting | None


class LetterStat(msgspec.Struct, frozen=True):
    """Dead letters of one store and cause that wait; the first failed at `oldest`."""

    store: str
    cause: str
    pending: int
    oldest: Nanoseconds


class Stat(msgspec.Struct, frozen=True):
    """What is in a journal, or in the part that was asked for.

    Only `counts` is of that part, and `disk`, which is None where the part leaves out the journal's end.
    `writer` is the pid of who writes to it, if anybody does; `allocated` are all segments' bytes; `past`
    is what the journal folds to, None where a damage hides it.
    """

    directory: str
    writer: int | None
    segments: int
    allocated: int
    past: Past | None
    stores: list[StoreStat]
    letters: list[LetterStat]
    disk: Disk | None
    counts: Counts


def stat(
    directory: str,
    selection: Selection,
    now: Nanoseconds,
    *,
    found: Found = lambda _: None,
    reading: Reading | None = None,
) -> Stat:
    """What is in the journal in `directory`, or in what `selection` asks for.

    Goes on behind a damage and tells it to `found`, as what is not counted. `reading` is told which byte of
    which segment is being read. Raises NoJournalError, LaterFormatError, re.error, OSError.
    """
    told: list[Finding] = []

    def tell(finding: Finding) -> None:
        told.append(finding)
        found(finding)

    counts = Counts(selection)
    for name, stretch in stretches_between(directory, selection, tell, reading):
        counts.take(name, stretch.records, tell)
    try:
        past = state_at(directory, Bound())
    except PastDamagedError as error:
        past = None
        if error.finding not in told:
            found(error.finding)
    sizes = segment_sizes(directory)
    state = State() if past is None else past.state
    disk = None
    if selection.until == Bound():
        room = os.statvfs(directory)
        free, size = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
        disk = counts.written.disk(free, size, now, max(sizes.values(), default=0))
    return Stat(
        directory,
        writer_of(directory),
        len(sizes),
        sum(sizes.values()),
        past,
        [_store(directory, name, state) for name in sorted({*state.cursors, *state.breakers})],
        _letters(state),
        disk,
        counts,
    )


def _store(directory: str, name: str, state: State) -> StoreStat:
    cursor = state.cursors.get(name, CursorState(Offset(0), 0))
    lag = state.accepted - cursor.persisted - cursor.dead_lettered - cursor.lost
    oldest = _first_metric(directory, cursor.offset) if lag > 0 else None
    return StoreStat(name, cursor, lag, state.breakers.get(name, BreakerState()), oldest)


def _first_metric(directory: str, since: Offset) -> Waiting | None:
    """The first metric at or behind the offset `since` that can be read."""
    within = Selection(since=Bound(offset=since))
    for _, stretch in stretches_between(directory, within, lambda _: None):
        for record in stretch.records:
            offset: int = record.base
            for event in _readable(record):
                many = len(event) if isinstance(event, list) else width(event)
                if isinstance(event, list) and offset + many > since:
                    return Waiting(Offset(max(offset, since)), record.time)
                offset += many
    return None


def _readable(record: Record) -> Sequence[LeanEvent]:
    try:
        return lean_events(record)
    except UnknownEventError:
        return []


def _letters(state: State) -> list[LetterStat]:
    pending: dict[tuple[str, str], list[Nanoseconds]] = {}
    for letter in state.dead_letters.values():
        pending.setdefault((letter.store, letter.cause), []).append(letter.first_failed_at)
    return [
        LetterStat(store, cause, len(failed), min(failed))
        for (store, cause), failed in sorted(pending.items(), key=lambda each: -len(each[1]))
    ]
