"""What a journal had folded to at any point of its past.

One segment is read, the one that holds the point: its snapshot stands for all before it. So this takes as
long for a journal of years as for one of minutes.

The state *as of an offset* is the state after every event before it; itself is not included. The state *as
of a time* is the state before the first record, in the order of offsets, that was written at that time or
later. Where a clock was set back there may be several such places: it is the one in the first segment that is
followed by one begun at that time or later, or right behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import msgspec

from journal.events import MetricsAccepted, Snapshot, UnknownEventError, offsets_of, width
from journal.framing import Record, Rotten, SegmentHeader
from journal.inspect.findings import Finding
from journal.inspect.folder import Folder, SegmentFile, look
from journal.inspect.links import bad_header, belongs, own_id, read_headers
from journal.inspect.selection import Bound
from journal.inspect.skim import Tally
from journal.inspect.walk import Damage, End, walk
from journal.metric import MAX_INT64, Nanoseconds, Offset
from journal.replay import evolve, evolve_plain, fold
from journal.segment import JournalCorruptError, containing, first_offset_of
from journal.state import State


class Past(msgspec.Struct, frozen=True):
    """The `state` after every event before `offset`; the last of them was written at `time`.

    `first_offset` is the oldest that is kept. `ended`: the journal ends here, before the offset that was
    asked for.
    """

    journal_id: UUID
    offset: Offset
    time: Nanoseconds
    state: State
    first_offset: Offset
    ended: bool = False


class PastRetiredError(Exception):
    """The point asked for lies before everything that is kept, which begins at `first_offset`."""

    def __init__(self, directory: str, point: Bound, first_offset: Offset) -> None:
        self.first_offset = first_offset
        asked = "that time" if point.offset is None else f"offset {point.offset}"
        super().__init__(
            f"{directory}: {asked} lies before what is kept; the journal begins at offset {first_offset} "
            "now: ask for that or later"
        )


class PastDamagedError(JournalCorruptError):
    """The state at a point cannot be known: `finding` hides a part of what it is folded from, and nothing of
    that segment is known behind offset `known_to`."""

    def __init__(self, finding: Finding, known_to: int) -> None:
        super().__init__(finding.segment, finding.byte, finding.offset, finding.what)
        self.finding = finding
        self.known_to = known_to
        Exception.__init__(self, f"the state there is not known, only up to offset {known_to}: {finding}")


def state_at(
    directory: str,
    point: Bound,
    *,
    end: Offset | None = None,
    reading: Callable[[int], None] | None = None,
) -> Past:
    """The journal's state as of `point`, or as of its end.

    Of a journal that this process writes to, `end` is how far it is committed: nothing behind is looked at.
    `reading` is told each byte that has been read up to, and may raise to give up. Raises NoJournalError,
    PastRetiredError, PastDamagedError, OSError. Blocks.
    """
    while True:
        folder = look(directory)
        try:
            return _state_at(folder, point, end, reading)
        except FileNotFoundError:
            # Retention took it between our look at the names and at the file: now the names say so too.
            continue


def in_full(value: object) -> object:
    """`value` with every field of every Struct in it, also those that have their defaults."""
    match value:
        case msgspec.Struct():
            return {name: in_full(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {key: in_full(each) for key, each in cast(dict[Any, object], value).items()}
        case tuple() | list():
            return [in_full(each) for each in cast(tuple[object, ...], value)]
        case _:
            return value


async def accepted_before(directory: str, offset: Offset, *, end: Offset | None = None) -> int:
    """How many metrics were accepted before `offset`, since the journal began. Raises as `state_at` does."""
    past = await asyncio.to_thread(state_at, directory, Bound(offset=offset), end=end)
    return past.state.accepted


def _state_at(
    folder: Folder, point: Bound, end: Offset | None, reading: Callable[[int], None] | None
) -> Past:
    headers = read_headers(folder)
    names = list(headers)
    first = first_offset_of(names[0]) or Offset(0)
    index = _index_of(headers, names, point, first)
    if index is None:
        raise PastRetiredError(folder.path, point, first)
    name, header = names[index], headers[names[index]]
    if isinstance(header, str):
        raise PastDamagedError(bad_header(folder, name, header), first_offset_of(name) or 0)
    odd = belongs(name, header, own_id([each for each in headers.values() if not isinstance(each, str)]))
    if odd is not None:
        raise PastDamagedError(odd, header.first_offset)
    following = first_offset_of(names[index + 1]) if index + 1 < len(names) else None
    asked = MAX_INT64 if point.offset is None else point.offset
    until = asked if end is None else min(asked, end)
    before = MAX_INT64 if point.time is None else point.time
    with SegmentFile(folder.path, name, reading) as file:
        folding = Folding(header, until, before)
        try:
            folding.run(file, following)
        except PastDamagedError:
            if file.gone():
                raise FileNotFoundError(file.path) from None
            raise
    ended = point.offset is not None and folding.offset < point.offset
    return Past(header.journal_id, Offset(folding.offset), folding.time, folding.state, first, ended)


def _index_of(
    headers: dict[str, SegmentHeader | str], names: list[str], point: Bound, first: Offset
) -> int | None:
    """Which segment holds `point`; None where it lies before all of them."""
    if point.offset is not None:
        if point.offset < first:
            return None
        return containing([first_offset_of(name) or 0 for name in names], point.offset)
    if point.time is None:
        return len(names) - 1
    oldest = headers[names[0]]
    if first > 0 and isinstance(oldest, SegmentHeader) and oldest.created_at > point.time:
        return None
    for index, name in enumerate(names[1:]):
        header = headers[name]
        if isinstance(header, SegmentHeader) and header.created_at >= point.time:
            return index
    return len(names) - 1


class Folding:
    """Folds a segment up to offset `until`, itself not included, or to the first record written at `before`
    or later: `state` is that as of `offset`, and `time` is when the last event before was written."""

    def __init__(self, header: SegmentHeader, until: int, before: Nanoseconds) -> None:
        self.offset: int = header.first_offset
        self.time = header.created_at
        self.state = State()
        self._header = header
        self._until = until
        self._before = before

    def run(self, file: SegmentFile, following: int | None) -> None:
        """Read `file`; the next segment begins at `following`, None where there is none.

        Raises PastDamagedError, OSError.
        """
        # At least the snapshot is looked at: it says what was before it, also where the point is its own.
        tally = Tally(max(self._until, self.offset + 1), self._before)
        for step in walk(file, self._header, newest=following is None, skimmed=tally):
            self._count(tally)
            if self.offset >= self._until > self._header.first_offset:
                return
            match step:
                case Record():
                    if not self._take(file.name, step):
                        return
                case Damage():
                    raise PastDamagedError(step.finding(file.name), self.offset)
                case End():
                    self._end(file.name, step, following)
        self._count(tally)

    def _count(self, tally: Tally) -> None:
        if tally.records:
            self.state = evolve_plain(self.state, tally.metrics)
            self.offset += tally.metrics
            self.time = tally.last_time
            tally.clear()

    def _take(self, segment: str, record: Record) -> bool:
        """Fold `record`, or what of it is before the point; whether more may be."""
        try:
            if record.next_offset <= self._until and record.time < self._before:
                self.state = fold(self.state, (record,))
                self.offset, self.time = record.next_offset, record.time
                return True
            self._take_part(record)
        except UnknownEventError as error:
            finding = Finding("event", segment, record.position, error.offset, error.detail)
            raise PastDamagedError(finding, self.offset) from error
        return False

    def _take_part(self, record: Record) -> None:
        until = self._until if record.time < self._before else record.base
        if record.plain:
            self.state = evolve_plain(self.state, until - record.base)
        else:
            for at, event in offsets_of(record.events(), record.base):
                if isinstance(event, Snapshot) and at == self._header.first_offset:
                    self.state = event.state
                if at >= until:
                    break
                if at + width(event) <= until:
                    self.state = evolve(self.state, event, record.time, at)
                elif isinstance(event, MetricsAccepted):
                    self.state = evolve_plain(self.state, until - at)
        if until > record.base:
            self.time = record.time
        self.offset = until

    def _end(self, segment: str, end: End, following: int | None) -> None:
        finding = None
        if following is not None:
            finding = end.too_early(segment, following)
        elif isinstance(end.ending, Rotten):
            place = end.place
            lost = (place.next_offset, None)
            finding = Finding("record", segment, place.position, place.next_offset, end.ending.reason, lost)
        if finding is not None:
            raise PastDamagedError(finding, self.offset)
