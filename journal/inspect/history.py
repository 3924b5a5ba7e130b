"""What a journal had folded to at any point of its past.

One segment is read, the one that holds the point: its snapshot stands for all before it. So this takes as
long for a journal of years as for one of minutes.

The state *as of an offset* is the state after every event before it; itself is not included. The state *as
of a time* is the state before the first record, in the order of offsets, that was written at that time or
later. Where a clock was set back there may be several such places: it is the one in the first segment that is
followed by one begun at that time or later, or right behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from journal.framing import SEGMENT_HEADER_SIZE, SegmentHeader
from journal.inspect.findings import Finding
from journal.inspect.folder import SegmentFile, look
from journal.inspect.links import bad_header, belongs, own_id, read_headers
from journal.inspect.lost import knows_as_much
from journal.inspect.selection import Bound
from journal.inspect.upto import Folding, Marks, PastDamagedError
from journal.metric import MAX_INT64, Nanoseconds, Offset
from journal.segment import NoJournalError, containing, first_offset_of, segment_name
from journal.state import State

_LOOKS: Final = 4
"""How often retention may be faster than a reader, before something else must be the matter."""


class Past(msgspec.Struct, frozen=True):
    """The `state` after every event before `offset`; the last of them was written at `time`, or right before,
    where it is the last of its segment: `time` is when the next one was begun.

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


def state_at(
    directory: str,
    point: Bound,
    *,
    end: Offset | None = None,
    reading: Callable[[int], None] | None = None,
    marks: Marks | None = None,
) -> Past:
    """The journal's state as of `point`, or as of its end.

    Of a journal that this process writes to, `end` is how far it is committed: nothing behind is looked at.
    `reading` is told each byte that has been read up to, and may raise to give up. `marks` are kept by who
    asks often. Raises NoJournalError, PastRetiredError, PastDamagedError, LaterFormatError, OSError. Blocks.
    """
    for again in reversed(range(_LOOKS)):
        kept = _Kept(directory)
        index = kept.index_of(point)
        try:
            return kept.past(point, kept.fold(index, point, end=end, reading=reading, marks=marks))
        except FileNotFoundError:
            # Retention took it between our look at the names and at the file: now the names say so too.
            if not again:
                raise
    raise AssertionError("the last look returns or raises")


def whole_fold(
    directory: str, point: Bound, *, reading: Callable[[str, int], None] | None = None
) -> Iterator[Past | Finding]:
    """As `state_at`, but everything that is kept is folded, from the oldest segment on: a finding for each
    snapshot that differs from the fold of what is before it, and last the state.

    `reading` is told which byte of which segment has been read up to. What retention takes meanwhile is
    left out. Raises as `state_at` does.
    """
    kept = _Kept(directory)
    expected: State | None = None
    for index in range(kept.index_of(point) + 1):
        told = None if reading is None else partial(reading, kept.names[index])
        last = index == kept.index_of(point)
        try:
            folding = kept.fold(index, point if last else Bound(), reading=told)
        except FileNotFoundError:
            first = first_offset_of(look(directory).segments[0]) or Offset(0)
            if kept.names[index] >= segment_name(first):
                raise
            if last:
                raise PastRetiredError(directory, point, first) from None
            expected = None
            continue
        snapshot = folding.snapshot
        if expected is not None and snapshot is not None and knows_as_much(snapshot, expected):
            yield from _compared(kept.names[index], snapshot, expected)
        expected = folding.state
        if last:
            yield kept.past(point, folding)


def _compared(segment: str, snapshot: State, expected: State) -> Iterator[Finding]:
    fields = [name for name in State.__struct_fields__ if getattr(snapshot, name) != getattr(expected, name)]
    if fields:
        what = f"the snapshot differs in {', '.join(fields)} from the fold of the segments before"
        yield Finding("fold", segment, SEGMENT_HEADER_SIZE, first_offset_of(segment), what)


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


def accepted_before(directory: str, offset: Offset, *, end: Offset | None = None) -> int:
    """How many metrics were accepted before `offset`, since the journal began. Blocks and raises as
    `state_at` does."""
    return state_at(directory, Bound(offset=offset), end=end).state.accepted


class _Kept:
    """The segments that are there now."""

    def __init__(self, directory: str) -> None:
        self._folder = look(directory)
        self._headers = read_headers(self._folder)
        self.names = list(self._headers)
        if not self.names:
            raise NoJournalError(directory)
        self._offsets = [first_offset_of(name) or Offset(0) for name in self.names]
        known = [header for header in self._headers.values() if isinstance(header, SegmentHeader)]
        self._own = own_id(known)

    def index_of(self, point: Bound) -> int:
        """Which segment holds `point`. Raises PastRetiredError where it lies before all of them."""
        first = self._offsets[0]
        if point.offset is not None:
            if point.offset < first:
                raise PastRetiredError(self._folder.path, point, first)
            return containing(self._offsets, point.offset)
        time = point.time
        if time is None:
            return len(self.names) - 1
        headers = self._headers.values()
        begun = [each.created_at if isinstance(each, SegmentHeader) else None for each in headers]
        if first > 0 and begun[0] is not None and begun[0] > time:
            raise PastRetiredError(self._folder.path, point, first)
        later = (index for index, each in enumerate(begun[1:]) if each is not None and each >= time)
        return next(later, len(self.names) - 1)

    def fold(
        self,
        index: int,
        point: Bound,
        *,
        end: Offset | None = None,
        reading: Callable[[int], None] | None = None,
        marks: Marks | None = None,
    ) -> Folding:
        """A segment, folded up to `point`. Raises PastDamagedError, OSError, FileNotFoundError."""
        name, header = self.names[index], self._headers[self.names[index]]
        if isinstance(header, str):
            raise PastDamagedError(bad_header(self._folder, name, header), self._offsets[index])
        odd = belongs(name, header, self._own)
        if odd is not None:
            raise PastDamagedError(odd, self._offsets[index])
        until = MAX_INT64 if point.offset is None else point.offset
        before = MAX_INT64 if point.time is None else point.time
        folding = Folding(header, until if end is None else min(until, end), before, marks)
        with SegmentFile(self._folder.path, name, reading) as file:
            try:
                folding.run(file, self._offsets[index + 1] if index + 1 < len(self.names) else None)
            except PastDamagedError:
                if file.gone():
                    raise FileNotFoundError(file.path) from None
                raise
        return folding

    def past(self, point: Bound, folding: Folding) -> Past:
        """What has been folded up to `point`, in words of this journal."""
        ended = point.offset is not None and folding.offset < point.offset
        id_, offset = folding.header.journal_id, Offset(folding.offset)
        return Past(id_, offset, folding.time, folding.state, self._offsets[0], ended)
